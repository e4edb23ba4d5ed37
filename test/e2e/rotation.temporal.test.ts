import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Policy } from '../../client/index.ts';
import { openCluster, tokenValue, tokenVariable, type Cluster } from '../support/cluster.ts';
import { urlVariable } from '../support/cluster-target.ts';
import { filesBelow } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';
import { historyTexts, textIn } from '../support/history-text.ts';
import { issued, rotatingSource, type RotatingSource } from './rotating-source.ts';

const newKey = (): string => randomBytes(32).toString('base64');
const key = newKey();
const withKey = { TIDEMARK_KEY: key };

let cluster: Cluster;
let source: RotatingSource;
beforeEach(async () => {
  cluster = await openCluster({ target: 'postgres' });
  source = rotatingSource(cluster.directory, tokenValue);
});
afterEach(() => cluster.close());

/** What the workers may run. `rotates` as in connectors.yaml. */
function name(rotates?: boolean): void {
  const more = rotates === undefined ? '' : `, rotates: ${rotates}`;
  const entry = `{ kind: source, runner: exec, command: ${JSON.stringify(source.command)}, secrets: [${tokenVariable}]${more} }`;
  const file = join(cluster.directory, 'connectors.yaml');
  writeFileSync(
    file,
    `connectors:\n  rotating: ${entry}\n  postgres: { secrets: [${urlVariable}] }\ndirectories: [.]\n`,
  );
}

const apply = (policy: Partial<Policy> = {}): Promise<string> =>
  cluster.apply({
    source: {
      connector: 'rotating',
      config: { records: 50, credentials: { refresh_token: `\${env:${tokenVariable}}` } },
    },
    policy,
  });

/** Private files may hold a token: a killed worker leaves them until the next one of its host sweeps them. */
function logsIn(state: string): readonly string[] {
  const directory = join(cluster.directory, state);
  const files = filesBelow(directory).filter((file) => !file.startsWith('private/'));
  return files.map((file) => readFileSync(join(directory, file), 'utf8'));
}

const updateOf = async (connection: string) =>
  (await cluster.client.status(connection)).updates?.source ?? null;
const verbs = (): readonly string[] => source.runs().map(({ verb }) => verb);
const refusedRuns = () => source.runs().filter(({ refused }) => refused !== undefined);

test('a token that works once survives a worker killed right after, and is nowhere to be read', async () => {
  name();
  const connection = await apply();
  source.holdReads();
  const first = await cluster.worker({ ...withKey, TIDEMARK_LABEL: 'one' });
  const sync = await cluster.client.startSync(connection);
  // Of the discover and of the read: both used up a token.
  await eventually('the second is kept', async () => (await updateOf(connection))?.no === 2);
  await first.kill();
  source.letGo();
  const second = await cluster.worker({
    ...withKey,
    TIDEMARK_LABEL: 'two',
    TIDEMARK_STATE_DIR: join(cluster.directory, 'other-state'),
  });
  expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records: 50 });
  expect(verbs().slice(0, 4)).toEqual(['discover', 'read', 'discover', 'read']);

  const [checked] = await cluster.client.check(connection);
  expect(checked).toMatchObject({ end: 'source', ok: true });
  await cluster.client.discover(connection);
  const again = await cluster.client.startSync(connection);
  expect(await again.result()).toMatchObject({ outcome: 'succeeded' });
  expect(refusedRuns()).toEqual([]);
  const update = (await updateOf(connection))!;
  expect(update.no).toBe(source.runs().length);
  expect(update.keys).toContain('/credentials/refresh_token');

  const texts = [
    ...(await historyTexts(cluster.temporal, `TaskQueue = '${cluster.taskQueue}'`)),
    textIn((await cluster.temporal.workflow.getHandle(sync.workflowId).describe()).raw),
    ...[first.said(), second.said()],
    ...['state', 'other-state'].flatMap(logsIn),
  ];
  const found = (text: string): boolean => texts.some((one) => one.includes(text));
  // The search works: what may be seen is found.
  expect(found('/credentials/refresh_token')).toBe(true);
  expect(found('goes on with ****')).toBe(true);
  expect(found(issued)).toBe(false);
  expect(found(key)).toBe(false);
});

test('without a key the connector does not even begin; one that nobody expected to rotate ends', async () => {
  name();
  const connection = await apply({ attemptsWithoutProgressMax: 1 });
  const first = await cluster.worker();
  const refused = await (await cluster.client.startSync(connection)).result();
  expect(refused.failure).toMatchObject({ kind: 'config_error', origin: 'tidemark' });
  expect(refused.failure!.remedy).toContain('TIDEMARK_KEY');
  expect(source.runs()).toEqual([]);
  await first.kill();

  name(false);
  await cluster.worker();
  const lost = await (await cluster.client.startSync(connection)).result();
  expect(lost.failure).toMatchObject({ kind: 'config_error', origin: 'tidemark' });
  expect(lost.failure!.place).toContain('source rotating');
  expect(lost.failure!.remedy).toContain('authenticate again');
  expect(verbs()).toEqual(['discover']);
  expect(JSON.stringify(await cluster.client.status(connection))).not.toContain(issued);
});

test('with another key it is told which one lacks; a person forgets, authenticates anew, and goes on', async () => {
  name();
  const connection = await apply();
  const first = await cluster.worker(withKey);
  const sync = await cluster.client.startSync(connection);
  expect(await sync.result()).toMatchObject({ outcome: 'succeeded' });
  const { keyId } = (await updateOf(connection))!;
  await first.kill();

  const other = { TIDEMARK_KEY: newKey(), [tokenVariable]: 'token-by-hand' };
  await cluster.worker(other);
  const before = source.runs().length;
  const refused = await (await cluster.client.startSync(connection)).result();
  expect(refused.failure).toMatchObject({ kind: 'config_error', origin: 'tidemark' });
  expect(refused.failure!.place).toContain(`key ${keyId}`);
  expect(refused.failure!.remedy).toContain('--forget-updates');
  expect(source.runs()).toHaveLength(before);

  expect(await cluster.client.forgetUpdates(connection)).toEqual(['source']);
  source.authenticate('token-by-hand');
  const last = await (await cluster.client.startSync(connection)).result();
  expect(last).toMatchObject({ outcome: 'succeeded' });
  expect(refusedRuns()).toEqual([]);
});
