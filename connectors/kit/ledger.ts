import {
  compareEpochs,
  globalScope,
  parseState,
  stateText,
  streamId,
  SyncError,
  type Checkpoint,
  type ConfiguredCatalog,
  type Counts,
  type Epoch,
  type OpenInput,
  type Scope,
  type StreamId,
} from '../../protocol/index.ts';

/** The table of checkpoints beside the data, and that of the target tables' owners. */
export const checkpointTable = '_tidemark_checkpoints';
export const ownerTable = '_tidemark_tables';
/** What each connection's source offered. */
export const offerTable = '_tidemark_offers';
/** Where the server itself does not tell: which sessions write, or wrote. */
export const sessionTable = '_tidemark_sessions';
/** The scope of a connection's root row, which holds its highest sync number. */
export const rootScope = '';

/**
 * A row of the table of checkpoints. `fence`: the epoch that owns the scope; `epoch`: the one that made the checkpoint. They differ from
 * an `open` until the first commit. `committedAt` null: nothing was ever committed or edited.
 */
export interface LedgerRow {
  readonly scope: Scope;
  readonly fence: Epoch;
  readonly edition: number;
  readonly epoch: Epoch;
  readonly seq: number;
  /** The state's exact text; `null` is the JSON null. */
  readonly state: string;
  readonly records: number;
  readonly bytes: number;
  readonly complete: boolean;
  readonly byStream: string | null;
  readonly committedAt: string | null;
}

export interface OpenPlan {
  /** Rows to insert or replace; every other row of the connection is only raised to the writer's epoch. */
  readonly changed: readonly LedgerRow[];
  readonly held: readonly Checkpoint[];
}

export function ledgerRow(checkpoint: Checkpoint, fence: Epoch): LedgerRow {
  const { scope, edition, epoch, seq, records, bytes, complete, byStream, committedAt } =
    checkpoint;
  return {
    scope,
    fence,
    edition,
    epoch,
    seq,
    state: stateText(checkpoint),
    records,
    bytes,
    complete: complete === true,
    byStream: byStream === undefined ? null : JSON.stringify(byStream),
    committedAt,
  };
}

export function checkpointOf(row: LedgerRow, committedAt: string): Checkpoint {
  const { scope, edition, epoch, seq, records, bytes } = row;
  const parsed = row.state === 'null' ? null : parseState(row.state);
  return {
    scope,
    edition,
    epoch,
    seq,
    state: parsed?.state ?? null,
    ...(parsed?.exact !== undefined && { exact: parsed.exact }),
    records,
    bytes,
    ...(row.complete && { complete: true }),
    ...(row.byStream !== null && {
      byStream: JSON.parse(row.byStream) as Readonly<Record<StreamId, Counts>>,
    }),
    committedAt,
  };
}

/** Of several checkpoints of a scope the last one counts: one row, one update. */
export function lastByScope(checkpoints: readonly Checkpoint[]): Checkpoint[] {
  return [...new Map(checkpoints.map((c) => [c.scope, c])).values()].sort((a, b) =>
    a.scope < b.scope ? -1 : 1,
  );
}

/**
 * What `open` does with the rows it found and the checkpoints Temporal holds (design §5): the destination's row decides within an edition.
 * Throws `fenced`, or a config_error that names the person's choices. Invariants 2 and 3.
 */
export function planOpen(rows: readonly LedgerRow[], input: OpenInput): OpenPlan {
  const known = new Map<Scope, LedgerRow>(rows.map((row) => [row.scope, row]));
  for (const row of rows) if (compareEpochs(row.fence, input.epoch) > 0) throw fenced();
  const changed = new Map<Scope, LedgerRow>();
  for (const scope of scopesOf(input.catalog))
    if (!known.has(scope)) changed.set(scope, emptyRow(scope, input.epoch));
  for (const row of startedAfresh(known, input)) changed.set(row.scope, row);
  for (const checkpoint of input.from) {
    if (!prevails(checkpoint, known.get(checkpoint.scope), input)) continue;
    changed.set(checkpoint.scope, ledgerRow(checkpoint, input.epoch));
  }
  const all = new Map([...known, ...changed]);
  const held = [...all.values()].flatMap((row) =>
    row.committedAt === null ? [] : [checkpointOf(row, row.committedAt)],
  );
  return { changed: [...changed.values()], held };
}

/**
 * The rows that a person's reset of everything sets back: all of them, since Temporal may know of fewer. It is the bare edit of the scope `*`,
 * and counts until that scope's row has taken it in.
 */
function startedAfresh(
  known: ReadonlyMap<Scope, LedgerRow>,
  input: OpenInput,
): readonly LedgerRow[] {
  const reset = input.from.find(
    ({ scope, seq, state }) => scope === globalScope && seq === 0 && state === null,
  );
  if (reset === undefined || !prevails(reset, known.get(globalScope), input)) return [];
  return [...known.keys()].map((scope) => ledgerRow({ ...reset, scope }, input.epoch));
}

/** True when Temporal's checkpoint replaces what the destination has. */
function prevails(from: Checkpoint, row: LedgerRow | undefined, input: OpenInput): boolean {
  const bareEdit = from.seq === 0;
  if (row === undefined) {
    if (bareEdit) return from.edition > 0;
    if (input.adopt) return true;
    if (from.state !== null) throw missingRow(from.scope, input);
    return false;
  }
  if (from.edition <= row.edition) return false;
  if (bareEdit || input.adopt) return true;
  throw restoredBeforeEdit(from.scope, input);
}

const scopesOf = (catalog: ConfiguredCatalog): Scope[] => [
  globalScope,
  ...catalog.streams.map(({ stream }) => streamId(stream)),
];

function emptyRow(scope: Scope, fence: Epoch): LedgerRow {
  return {
    scope,
    fence,
    edition: 0,
    epoch: { syncNo: 0, at: 0 },
    seq: 0,
    state: 'null',
    records: 0,
    bytes: 0,
    complete: false,
    byStream: null,
    committedAt: null,
  };
}

/** The connection's root row lets a writer in, or throws `raise` or `fenced`. Invariant 3. */
export function passRoot(root: Epoch, epoch: Epoch): void {
  if (root.syncNo > epoch.syncNo) throw raise(root.syncNo);
  if (compareEpochs(root, epoch) > 0) throw fenced();
}

/** Invariant 3. */
export function fenced(): SyncError {
  return new SyncError('transient_error', 'A newer writer owns this connection.', {
    origin: 'destination',
    code: 'fenced',
  });
}

function raise(syncNo: number): SyncError {
  return new SyncError(
    'transient_error',
    'The destination knows a newer sync than Temporal does.',
    {
      origin: 'destination',
      code: 'raise',
      facts: { syncNo },
    },
  );
}

const choices = (name: string): string =>
  `Run \`tidemark state adopt ${name}\` to go on with what Temporal holds, or \`tidemark state reset ${name}\` to start again.`;

function missingRow(scope: Scope, { connection }: OpenInput): SyncError {
  return new SyncError(
    'config_error',
    'Temporal holds a checkpoint, but the destination has none for it: its tables were dropped, or it is another database.',
    { origin: 'destination', place: scope, remedy: choices(connection.name) },
  );
}

function restoredBeforeEdit(scope: Scope, { connection }: OpenInput): SyncError {
  return new SyncError(
    'config_error',
    'The destination was restored to a time before a person edited this state.',
    { origin: 'destination', place: scope, remedy: choices(connection.name) },
  );
}
