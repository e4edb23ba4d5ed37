import { openCluster, untilView, type Cluster } from '../support/cluster.ts';
import { attemptsIn } from '../support/exact-source.ts';
import { startProcess, type RunningProcess } from '../support/processes.ts';

let cluster: Cluster;
afterEach(() => cluster.close());

/** The real command line, watching. */
function watch(name: string): RunningProcess {
  const { directory, env } = cluster;
  return startProcess({ program: 'client/main.js', args: ['sync', name], directory, env });
}

test('a source that gave up on its rate limit is asked again at its reset, though the worker was killed meanwhile', async () => {
  cluster = await openCluster({ target: 'duckdb' });
  const first = await cluster.worker();
  const quotaMs = 8_000;
  const trouble = { what: 'limited', at: 250, once: true, quotaMs } as const;
  const { name, directory } = await cluster.connection({
    source: { records: 300, stateEvery: 100, trouble },
  });
  const before = Date.now();
  const sync = await cluster.client.startSync(name);
  const watching = watch(name);
  const [waiting] = (
    await untilView(sync, 'it waits', ({ attempts }) => attempts[0]?.state === 'waiting to retry')
  ).attempts;
  expect(waiting?.lastFailure).toMatchObject({ code: 'rate_limited', origin: 'source' });
  const reset = Number(waiting?.lastFailure?.facts?.['quotaReset']);
  expect(reset).toBeGreaterThanOrEqual(before + quotaMs);

  // It waits in Temporal, which shows it without any worker.
  await first.kill();
  const status = await sync.status();
  expect(status.attempts).toMatchObject([
    { lastFailure: { code: 'rate_limited' }, progress: { next: { at: expect.any(String) } } },
  ]);
  await cluster.worker();

  expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records: 300, attempts: 2 });
  expect(await watching.exited).toBe(0);
  expect(watching.said()).toMatch(
    /attempt 1 failed: .* waits for the source's rate limit until \S+Z \(in \d/,
  );
  const [, second, ...more] = attemptsIn(directory);
  expect(more).toEqual([]);
  expect(second!.at).toBeGreaterThanOrEqual(reset);
  expect(second!.from).toEqual({ items: 200 });
  expect(await cluster.target.held('items', 300)).toEqual({ rows: 300, missing: 0, twice: 0 });
});
