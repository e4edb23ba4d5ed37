import { openCluster, type Applied, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import type { CommitHook } from '../support/commit-hook.ts';
import { attemptsIn, grow } from '../support/exact-source.ts';
import { openWatch, type Watch } from './watch.ts';

// An overwrite whose worker is killed at each instant of its publication, while somebody reads the table all the time: the old rows or the new
// ones, whole. Never both, never none, never a part.

const instants = ['loading', 'before', 'inside', 'last', 'durable'] as const;
const old = { 1: 600 };
const records = 1_200;
const fresh = { 2: records };
type Instant = (typeof instants)[number];
const hookAt = (instant: Instant): CommitHook => ({
  ...{ instant, signal: 'SIGKILL', completing: true },
  // The first sync has fewer records, and is let pass.
  at: instant === 'loading' ? records / 2 + 1 : records,
});

let cluster: Cluster;
let watch: Watch;
afterEach(async () => {
  await watch.close();
  await cluster.close();
});

interface Case {
  readonly kind: TargetKind;
  readonly stateless: boolean;
  /** Something in the database depends on the table, whose rows are then replaced: only the commit is another. */
  readonly isBuiltUpon?: boolean;
}

/** Without states the loading differs, not the publication; below a view only the last step does. */
function instantsOf({ stateless, isBuiltUpon }: Omit<Case, 'kind'>): readonly Instant[] {
  if (isBuiltUpon === true) return ['last'];
  return stateless ? ['loading', 'last'] : instants;
}

const kinds: readonly TargetKind[] = ['postgres', 'files'];
const cases: readonly (readonly [string, Case])[] = [
  ...kinds.map((kind) => [`${kind}, with states`, { kind, stateless: false }] as const),
  ['duckdb, without states', { kind: 'duckdb', stateless: true }],
  ['postgres, below a view', { kind: 'postgres', stateless: false, isBuiltUpon: true }],
];

test.each(cases)(
  'a reader of an overwritten table sees the old rows, then the new ones, though its worker is killed at each instant (%s)',
  async (_, { kind, stateless, isBuiltUpon = false }) => {
    cluster = await openCluster({ target: kind });
    watch = openWatch(cluster.target, 'items');
    const killedAt = instantsOf({ stateless, isBuiltUpon });
    let worker = await cluster.hookedWorker(hookAt(killedAt[0]!));
    const { name, directory }: Applied = await cluster.connection({
      destinationSyncMode: 'overwrite',
      source: { records: old[1], stateEvery: 100, stateless, recordsPerSecond: 3_000 },
      policy: { attemptsWithoutProgressMax: 20 },
    });
    await (await cluster.client.startSync(name)).result();
    if (isBuiltUpon)
      await cluster.target.database!.query('CREATE VIEW of_mine AS SELECT * FROM items');
    watch.start();
    expect(await watch.next()).toEqual(old);

    grow(directory, records);
    const before = attemptsIn(directory).length;
    const sync = await cluster.client.startSync(name);
    for (const [n, instant] of killedAt.entries()) {
      expect([instant, await worker.exited]).toEqual([instant, 'SIGKILL']);
      const seen = instant === 'durable' ? fresh : old;
      expect({ instant, seen: await watch.next() }).toEqual({ instant, seen });
      const next = killedAt[n + 1];
      worker = await (next === undefined ? cluster.worker() : cluster.hookedWorker(hookAt(next)));
    }
    expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records });
    expect(await watch.next()).toEqual(fresh);
    await watch.close();
    expect(watch.seen).toEqual([old, fresh]);
    expect(await cluster.target.held('items', records)).toEqual({
      ...{ rows: records, missing: 0, twice: 0 },
    });
    // With states each attempt went on with what was loaded out of sight. Once it was published nothing was read again.
    const starts = attemptsIn(directory)
      .slice(before)
      .map(({ from }) => (from['items'] ?? 0) > 0);
    const retries = killedAt.length - (killedAt.includes('durable') ? 1 : 0);
    expect(starts).toEqual([false, ...Array<boolean>(retries).fill(!stateless)]);
  },
  180_000,
);
