import {
  globalScope,
  isReadInFull,
  streamId,
  SyncError,
  type Checkpoint,
  type OpenInput,
  type StreamId,
} from '../../protocol/index.ts';
import { hasPart } from '../../protocol/global-state.ts';
import { rawIdColumn } from './columns.ts';
import type { Fold } from './identifiers.ts';
import type { Row } from './ledger-cells.ts';
import type { KnownTable, Target } from './targets.ts';

export function knownTableOf(row: Row): KnownTable {
  return {
    stream: String(row['stream']) as StreamId,
    schema: String(row['table_schema']),
    table: String(row['table_name']),
    generation: Number(row['generation']),
  };
}

/** `owners`: the rows of the table of owners. `held`: where the streams go on. `fold`: how the system tells names apart. */
export interface Ownership {
  readonly targets: readonly Target[];
  readonly owners: readonly Row[];
  readonly held: readonly Checkpoint[];
  readonly fold: Fold;
}

/**
 * The targets that this connection does not own yet. Refuses those of another connection, unless a person said `adopt`, and to leave a
 * stream's rows behind: what comes after its state would be in one table, what came before in another.
 */
export function unowned(input: OpenInput, { targets, owners, held, fold }: Ownership): Target[] {
  const foldedPlace = (schema: unknown, table: unknown): string =>
    fold(`${String(schema)}.${String(table)}`);
  const ownerOf = new Map(
    owners.map((row) => [foldedPlace(row['table_schema'], row['table_name']), row]),
  );
  const { id } = input.connection;
  const ownTables = new Map(
    owners.filter((row) => row['connection_id'] === id).map((row) => [row['stream'], row]),
  );
  return targets.filter((target) => {
    const owner = ownerOf.get(foldedPlace(target.schema, target.table));
    if (owner?.['connection_id'] === id && owner['stream'] === target.stream) return false;
    if (owner !== undefined && !input.adopt) throw ownedByOther(target, input);
    const left = ownTables.get(target.stream);
    if (left !== undefined && !input.adopt && goesOn(target, input, held))
      throw leavesRows(target, left, input);
    return true;
  });
}

/** The tables that a stream leaves for its target, as targets: what is hidden for them is of no use any more. */
export function leftBehind(
  target: Target,
  { connection }: OpenInput,
  owners: readonly Row[],
): Target[] {
  return owners
    .filter((row) => row['connection_id'] === connection.id && row['stream'] === target.stream)
    .map((row) => ({
      ...target,
      schema: String(row['table_schema']),
      table: String(row['table_name']),
    }));
}

/** True when the stream's next records follow those that it has. */
function goesOn({ stream }: Target, { catalog }: OpenInput, held: readonly Checkpoint[]): boolean {
  const configured = catalog.streams.find((one) => streamId(one.stream) === stream);
  if (configured !== undefined && isReadInFull(configured)) return false;
  const own = held.find(({ scope }) => scope === stream);
  if (own !== undefined && own.state !== null) return true;
  const shared = held.find(({ scope }) => scope === globalScope);
  if (shared === undefined || shared.state === null) return false;
  // A person took the stream out of the state of all streams, and no source has answered to that yet: it is read from scratch.
  const isEdited = own !== undefined && own.edition > 0 && shared.seq === 0;
  return !(isEdited && shared.state.type === 'GLOBAL' && !hasPart(shared.state, stream));
}

/** Refuses a table that exists without our columns. */
export function refuseForeign(target: Target, columns: readonly { readonly name: string }[]): void {
  if (columns.length === 0 || columns.some(({ name }) => name === rawIdColumn)) return;
  throw foreignTable(target);
}

const placeOf = ({ schema, table }: Target): string => `${schema}.${table}`;

function ownedByOther(target: Target, { connection }: OpenInput): SyncError {
  return new SyncError('config_error', 'Another connection owns the target table.', {
    origin: 'destination',
    place: placeOf(target),
    stream: target.stream,
    remedy: `Run \`tidemark state adopt ${connection.name}\` to take the table over, or give this connection another schema.`,
  });
}

function leavesRows(target: Target, left: Row, { connection }: OpenInput): SyncError {
  const rows = `${String(left['table_schema'])}.${String(left['table_name'])}`;
  return new SyncError('config_error', "The stream's rows are in a table of another name.", {
    origin: 'destination',
    place: `${rows}, by its new name ${placeOf(target)}`,
    stream: target.stream,
    remedy: `Put the connection's namespace and prefix back, or read the stream again into the new table: tidemark state reset ${connection.name}. The old table stays as it is.`,
  });
}

function foreignTable(target: Target): SyncError {
  return new SyncError(
    'config_error',
    'The target table exists already and was not made by Tidemark.',
    {
      origin: 'destination',
      place: placeOf(target),
      stream: target.stream,
      remedy: 'Rename or drop that table, or give this connection another schema.',
    },
  );
}
