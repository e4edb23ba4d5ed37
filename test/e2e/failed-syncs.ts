import type { Cluster } from '../support/cluster.ts';
import { attemptsIn, type Trouble } from '../support/exact-source.ts';
import { descendantsOf, isRunning, processesIn } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';

const records = 300;
/** The last kills the worker, as SIGKILL does it. */
const ways = ['crash', 'rubbish', 'hang', 'miscounts', 'kill'] as const;
const policy = { attemptsWithoutProgressMax: 1, sourceSilenceMsMax: 1_000 };

/** Lets so many syncs fail, every fifth by killing the worker, and returns what stayed behind. */
export async function failRepeatedly(
  cluster: Cluster,
  count: number,
  onFailed: (n: number) => void = () => undefined,
): Promise<readonly string[]> {
  let worker = await cluster.worker();
  const processes = new Map<number, { pid: number; startedAt: string }>();
  for (let n = 0; n < count; n += 1) {
    const way = ways[n % ways.length]!;
    const trouble: Trouble = { what: way === 'kill' ? 'hang' : way, at: 150 };
    const { name, directory } = await cluster.connection({
      policy: way === 'kill' ? { ...policy, sourceSilenceMsMax: 60_000 } : policy,
      source: { streams: [`failed_${n}`], records, stateEvery: 100, trouble },
    });
    const sync = await cluster.client.startSync(name);
    if (way === 'kill') {
      await eventually('the source hangs', () =>
        attemptsIn(directory).some(({ events }) => events.includes('troubled')),
      );
      for (const child of descendantsOf(worker.pid)) processes.set(child.pid, child);
      await worker.kill();
      worker = await cluster.worker();
      await sync.cancel();
    }
    const { outcome } = await sync.result();
    if (outcome !== 'failed' && outcome !== 'cancelled') throw new Error(`${way}: ${outcome}`);
    onFailed(n + 1);
  }
  const idle = (): boolean =>
    cluster.leftovers().every((line) => line.startsWith(`${worker.pid} `)) &&
    ![...processes.values()].some(isRunning);
  try {
    await eventually('all is gone', idle);
  } catch (error) {
    if (!idle()) return [...cluster.leftovers(), String(error)];
  }
  worker.signal('SIGTERM');
  await worker.exited;
  return [...processesIn(cluster.directory), ...cluster.leftovers(), ...(await locksIn(cluster))];
}

/** Sessions and locks that a writer left in the destination. */
async function locksIn({ target }: Cluster): Promise<readonly string[]> {
  const { database } = target;
  if (database === null) {
    // A file that is locked, or holds half a commit, cannot be read.
    await target.held('failed_0', records);
    return [];
  }
  const sessions = await database.query<{ what: string }>(
    `SELECT application_name || ' ' || state AS what FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
  const tables = await database.query<{ what: string }>(
    `SELECT table_schema || '.' || table_name AS what FROM information_schema.tables
     WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
       AND table_name NOT LIKE 'failed_%' AND table_name NOT LIKE '_tidemark_%'`,
  );
  return [...sessions, ...tables].map(({ what }) => what);
}
