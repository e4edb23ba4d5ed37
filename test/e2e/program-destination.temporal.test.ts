import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../protocol/index.ts';
import {
  openCluster,
  plainConnector,
  untilView,
  type Applied,
  type Cluster,
} from '../support/cluster.ts';
import type { ExactConfig } from '../support/exact-source.ts';
import { attemptsIn, sentIn } from '../support/exact-source.ts';
import { runsOf, type PlainConfig, type PlainRun } from '../support/plain-destination.ts';
import { descendantsOf, isRunning } from '../support/processes.ts';
import { streamId, type DestinationSyncMode, type RefreshRequest } from '../../client/index.ts';
import { eventually } from '../worker/eventually.ts';
import { instants } from './instants.ts';

// A destination that is another program: at least once. Nothing is lost, and only what lies past the last echo is there twice.

const seed = 31_337;
const records = 6_000;

let cluster: Cluster;
beforeEach(async () => {
  cluster = await openCluster({ target: 'duckdb' });
});
afterEach(() => cluster.close());

interface Made extends Applied {
  /** Where the destination keeps its rows. */
  readonly rows: string;
}

async function connection(
  source: Partial<ExactConfig>,
  destinationSyncMode: DestinationSyncMode = 'append',
): Promise<Made> {
  const rows = join(cluster.directory, 'rows');
  mkdirSync(rows);
  const config: PlainConfig = { directory: rows, everyStates: 3 };
  const applied = await cluster.connection({
    ...{ source: { records, stateEvery: 50, recordsPerSecond: 3_000, ...source } },
    destinationSyncMode,
    destination: { connector: plainConnector, config: config as unknown as JsonObject },
  });
  return { ...applied, rows };
}

/** Each run wrote on from where its source began, in order; together they wrote everything. */
function proveRows(made: Made): void {
  const runs = runsOf(made.rows, 'items');
  const ids = new Set(runs.flatMap((run) => run.ids));
  expect(ids.size).toBe(records);
  expect(Math.max(...ids)).toBe(records);
  for (const { ids: own } of runs) expect(own).toEqual(own.map((_, n) => own[0]! + n));
}

const lastEcho = (runs: readonly PlainRun[]): number =>
  Math.max(0, ...runs.flatMap(({ echoed }) => echoed));

test('a destination killed three times: nothing is lost, and each attempt goes on at the last echo', async () => {
  await cluster.worker();
  const made = await connection({});
  const sync = await cluster.client.startSync(made.name);
  for (const [runs, instant] of instants(seed, 3).entries()) {
    await eventually('the instant comes', () => sentIn(made.directory) >= records * instant);
    const attempts = attemptsIn(made.directory).length;
    await eventually('it has echoed', () => {
      const run = runsOf(made.rows, 'items')[runs];
      return run !== undefined && run.echoed.length > 1;
    });
    process.kill(runsOf(made.rows, 'items')[runs]!.pid, 'SIGKILL');
    await eventually('it goes on', () => attemptsIn(made.directory).length > attempts);
    const from = attemptsIn(made.directory)[attempts]!.from['items'];
    const { echoed } = runsOf(made.rows, 'items')[runs]!;
    // What it was about to echo as it died may not have come.
    expect([echoed.at(-1), echoed.at(-2)]).toContain(from);
  }
  expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records });
  proveRows(made);
});

test('a worker killed three times: the destination dies with it, and nothing is lost', async () => {
  const made = await connection({});
  let worker = await cluster.worker();
  const sync = await cluster.client.startSync(made.name);
  await untilView(sync, 'something is committed', ({ attempts }) =>
    attempts.some(({ progress }) => (progress?.committed.records ?? 0) > 0),
  );
  for (const instant of instants(seed + 1, 3)) {
    await eventually('the instant comes', () => sentIn(made.directory) >= records * instant);
    const attempts = attemptsIn(made.directory).length;
    const below = descendantsOf(worker.pid);
    await worker.kill();
    await eventually('what it started is gone', () => !below.some(isRunning));
    const echo = lastEcho(runsOf(made.rows, 'items'));
    worker = await cluster.worker();
    await eventually('it goes on', () => attemptsIn(made.directory).length > attempts);
    // Its last heartbeat tells where: never past what was echoed.
    expect(attemptsIn(made.directory).at(-1)!.from['items'] ?? 0).toBeLessThanOrEqual(echo);
  }
  expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records });
  proveRows(made);
  const starts = attemptsIn(made.directory).map(({ from }) => from['items'] ?? 0);
  expect(starts.slice(1).every((start) => start > 0)).toBe(true);
  expect(starts).toEqual([...starts].sort((a, b) => a - b));
});

test('an overwrite into one that empties its table as it starts is begun anew when it was killed', async () => {
  await cluster.worker();
  const made = await connection({}, 'overwrite');
  const sync = await cluster.client.startSync(made.name);
  await eventually('it is half-way', () => lastEcho(runsOf(made.rows, 'items')) > records / 2);
  process.kill(runsOf(made.rows, 'items').at(-1)!.pid, 'SIGKILL');
  expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records });
  proveRows(made);
  expect(attemptsIn(made.directory).map(({ from }) => from)).toEqual([{}, {}]);
});

test('a worker that is asked to stop drains it to an echo, and the next sync goes on from the last state', async () => {
  const made = await connection({});
  const first = await cluster.worker();
  const sync = await cluster.client.startSync(made.name);
  await eventually('something is echoed', () => lastEcho(runsOf(made.rows, 'items')) > 0);
  first.signal('SIGTERM');
  await first.exited;
  const [run] = runsOf(made.rows, 'items');
  const end = run!.echoed.at(-1)!;
  await cluster.worker();
  expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records });
  expect(attemptsIn(made.directory)[1]!.from).toEqual({ items: end });
  proveRows(made);

  const again = await (await cluster.client.startSync(made.name)).result();
  expect(again).toMatchObject({ outcome: 'succeeded', records: 0 });
  expect(attemptsIn(made.directory).at(-1)!.from).toEqual({ items: records });
  const plan = await cluster.client.plan(made.name);
  expect(plan).toMatchObject({
    guarantee: { delivery: 'at least once', counts: 'where told' },
    streams: [{ lands: { namespace: null, name: 'items' }, chosen: null }],
  });
});

test('a refresh takes the place of the rows, a clear removes them, and the sync after it reads again', async () => {
  await cluster.worker();
  const made = await connection({ records: 300, stateEvery: 100 });
  const items = [streamId({ name: 'items' })];
  const sync = async (): Promise<unknown> => (await cluster.client.startSync(made.name)).result();
  const ask = (manner: RefreshRequest['manner']): Promise<void> =>
    cluster.client.refresh(made.name, { streams: items, manner, reason: 'test' });
  const ids = (): readonly number[] => runsOf(made.rows, 'items').flatMap((run) => run.ids);
  expect(await sync()).toMatchObject({ outcome: 'succeeded', records: 300 });
  await ask('replace');
  expect(await sync()).toMatchObject({ outcome: 'succeeded', records: 300 });
  expect(ids()).toHaveLength(300);
  await ask('clear');
  expect(await sync()).toMatchObject({ outcome: 'succeeded', records: 0 });
  expect(ids()).toEqual([]);
  expect(await sync()).toMatchObject({ outcome: 'succeeded', records: 300 });
  expect(ids()).toHaveLength(300);
  expect(await sync()).toMatchObject({ outcome: 'succeeded', records: 0 });
});
