import {
  compareEpochs,
  SyncError,
  type Block,
  type Checkpoint,
  type ConfiguredCatalog,
  type Epoch,
  type Loader,
  type LoaderDestination,
  type OpenInput,
  type Part,
  type PartId,
  type Receipt,
  type SealedPart,
  type StreamId,
  type WarehouseCost,
} from '../../protocol/index.ts';

/** What a memory destination keeps: rows (their lines) and checkpoints, changed in one step. */
export interface MemoryStore {
  rows: Map<StreamId, string[]>;
  checkpoints: Map<string, Checkpoint>;
  epoch: Epoch | null;
  commits: number;
  /** By sync number, oldest first. */
  offers: [syncNo: number, offer: string][];
  /** Catalogs it was opened with. */
  catalogs: ConfiguredCatalog[];
}

export interface MemoryFaults {
  /** Called in `commit`: throw `before` nothing happens, or `after` everything did (a lost answer). */
  commit?(when: 'before' | 'after'): unknown;
  /** The loader miscounts: rows that it says it loaded. */
  rows?(stream: StreamId, records: number): number;
  /** Values of a commit's rows that became NULL. */
  nulled?(stream: StreamId, records: number): number;
  /** What a commit has cost. Absent: nothing. */
  cost?: WarehouseCost;
  /** Throws for a line that the destination cannot read. */
  append?(line: string): void;
  /** Called for each checkpoint that completes its stream: throw to refuse what would be published. */
  publish?(checkpoint: Checkpoint): void;
  /** Records that a sealed part says it holds. */
  sealed?(records: number): number;
}

export function memoryStore(): MemoryStore {
  return {
    rows: new Map(),
    checkpoints: new Map(),
    epoch: null,
    commits: 0,
    offers: [],
    catalogs: [],
  };
}

/** A destination with transactions and a fence, in memory. */
export function memoryDestination(
  store: MemoryStore,
  faults: MemoryFaults = {},
): LoaderDestination<object> {
  return {
    spec: { connectionSpecification: { type: 'object' } },
    check: () => Promise.resolve(),
    loader: () => memoryLoader(store, faults),
  };
}

interface StagedPart extends SealedPart {
  readonly lines: readonly string[];
}

function memoryLoader(store: MemoryStore, faults: MemoryFaults): Loader {
  let epoch: Epoch;
  const sealed = new Map<PartId, StagedPart>();
  return {
    open(input: OpenInput) {
      epoch = input.epoch;
      refuseOlder(store, epoch);
      store.epoch = epoch;
      store.catalogs.push(input.catalog);
      if (input.offer !== undefined) store.offers.push([epoch.syncNo, input.offer]);
      return Promise.resolve([...store.checkpoints.values()]);
    },
    offered: ({ epoch: { syncNo } }) =>
      Promise.resolve(store.offers.findLast(([no]) => no < syncNo)?.[1] ?? null),
    part: (stream, id) => Promise.resolve(memoryPart(stream, id, sealed, faults)),
    commit(parts, at) {
      refuseOlder(store, epoch);
      faults.commit?.('before');
      for (const checkpoint of at) if (checkpoint.complete) faults.publish?.(checkpoint);
      const rows: Record<StreamId, number> = {};
      for (const { id, stream } of parts) {
        const { lines } = sealed.get(id)!;
        store.rows.set(stream, [...(store.rows.get(stream) ?? []), ...lines]);
        rows[stream] = faults.rows?.(stream, lines.length) ?? (rows[stream] ?? 0) + lines.length;
      }
      for (const checkpoint of at) store.checkpoints.set(checkpoint.scope, checkpoint);
      store.commits += 1;
      faults.commit?.('after');
      const nulled = Object.fromEntries(
        Object.entries(rows).map(([stream, n]) => [
          stream,
          faults.nulled?.(stream as StreamId, n) ?? 0,
        ]),
      ) as Receipt['nulled'];
      const { cost } = faults;
      return Promise.resolve<Receipt>({ rows, nulled, ...(cost !== undefined && { cost }) });
    },
    close: () => Promise.resolve(),
  };
}

function refuseOlder(store: MemoryStore, epoch: Epoch): void {
  if (store.epoch === null || compareEpochs(store.epoch, epoch) <= 0) return;
  throw new SyncError('system_error', 'A newer writer owns the connection.', {
    origin: 'destination',
    code: 'fenced',
  });
}

function memoryPart(
  stream: StreamId,
  id: PartId,
  sealed: Map<PartId, StagedPart>,
  faults: MemoryFaults,
): Part {
  const lines: string[] = [];
  let covered = 0;
  return {
    append(block: Block) {
      const more = Buffer.from(block.bytes).toString('utf8').split('\n').filter(Boolean);
      for (const line of more) faults.append?.(line);
      lines.push(...more);
      return Promise.resolve();
    },
    cover() {
      covered = lines.length;
    },
    seal() {
      const kept = lines.slice(0, covered);
      const part = {
        stream,
        id,
        records: faults.sealed?.(kept.length) ?? kept.length,
        bytes: kept.join('\n').length,
        lines: kept,
      };
      sealed.set(id, part);
      return Promise.resolve(part);
    },
    discard: () => Promise.resolve(),
  };
}
