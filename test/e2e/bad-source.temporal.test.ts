import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { SyncFailure } from '../../client/index.ts';
import { connectorLogLimits } from '../../worker/connector-log.ts';
import { openCluster, type Applied, type Cluster } from '../support/cluster.ts';
import { attemptsIn, type Trouble } from '../support/exact-source.ts';
import { filesBelow, isRunning, peakMemoryOf, type RunningProcess } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';
import { failingSync } from './failing.ts';

const policy = { attemptsWithoutProgressMax: 2, sourceSilenceMsMax: 2_000 };
const records = 300;
const mebibyte = 1024 * 1024;

let cluster: Cluster;
let worker: RunningProcess;
beforeAll(async () => {
  cluster = await openCluster({ target: 'postgres' });
  worker = await cluster.worker();
});
afterAll(() => cluster.close());
/** Each has a table of its own, named by its trouble. */
async function troubled(trouble: Trouble): Promise<Applied> {
  const streams = [trouble.what];
  return cluster.connection({ policy, source: { streams, records, stateEvery: 100, trouble } });
}

const failures: readonly [string, Trouble, Partial<SyncFailure>][] = [
  ['exits with 1', { what: 'crash', at: 250 }, { kind: 'transient_error' }],
  ['prints rubbish in place of a record', { what: 'rubbish', at: 250 }, { kind: 'system_error' }],
  ['goes silent', { what: 'hang', at: 250 }, { kind: 'transient_error' }],
  ['never exits', { what: 'stays', at: 250 }, {}],
  ['ends well with records that no state covers', { what: 'uncovered', at: 250 }, {}],
  [
    'counts other records than it sent',
    { what: 'miscounts', at: 250 },
    { code: 'counts_disagree' },
  ],
];

test.each(failures)(
  'a source that %s fails the sync, and what its states cover stays',
  async (_, trouble, expected) => {
    const applied = await troubled(trouble);
    const failure = await failingSync(cluster, applied);
    expect(failure).toMatchObject({ origin: 'source', ...expected });
    const covered = trouble.what === 'stays' ? records : 200;
    expect(await cluster.target.cursor(trouble.what)).toBe(covered);
    expect(await cluster.target.held(trouble.what, covered)).toEqual({
      rows: covered,
      missing: 0,
      twice: 0,
    });
    const [first, ...later] = attemptsIn(applied.directory);
    expect(first!.from).toEqual({});
    expect(later.length).toBeGreaterThan(0);
    for (const { from } of later) expect(from[trouble.what]).toBeGreaterThan(0);
    await eventually('no process of the source is left', () =>
      attemptsIn(applied.directory).every((attempt) => !isRunning(attempt)),
    );
  },
);

test('a source that floods its log neither fails, nor fills the disk, nor the memory', async () => {
  const { name } = await troubled({ what: 'flood', at: 250 });
  const summary = await (await cluster.client.startSync(name)).result();
  expect(summary).toMatchObject({ outcome: 'succeeded', records });
  expect(await cluster.target.held('flood', records)).toEqual({
    rows: records,
    missing: 0,
    twice: 0,
  });
  const logs = join(cluster.directory, 'state', 'logs', name);
  const bytes = filesBelow(logs).reduce((sum, file) => sum + statSync(join(logs, file)).size, 0);
  expect(bytes).toBeGreaterThan(mebibyte);
  expect(bytes).toBeLessThanOrEqual(connectorLogLimits.filesMax * connectorLogLimits.fileBytesMax);
  expect(peakMemoryOf(worker.pid)).toBeLessThan(500 * mebibyte);
});
