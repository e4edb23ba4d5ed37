import { SyncError, type OpenInput, type StreamId } from '../../protocol/index.ts';
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

/** `owners`: the rows of the table of owners. `fold`: how the system tells names apart. */
export interface Ownership {
  readonly targets: readonly Target[];
  readonly owners: readonly Row[];
  readonly fold: Fold;
}

/** The targets that this connection does not own yet. Refuses those of another connection, unless a person said `adopt`. */
export function unowned(input: OpenInput, { targets, owners, fold }: Ownership): Target[] {
  const ownerOf = new Map(
    owners.map((row) => {
      const { table_schema: schema, table_name: table, connection_id: id } = row;
      return [fold(`${String(schema)}.${String(table)}`), id];
    }),
  );
  return targets.filter((target) => {
    const owner = ownerOf.get(fold(placeOf(target)));
    if (owner === input.connection.id) return false;
    if (owner !== undefined && !input.adopt) throw ownedByOther(target, input);
    return true;
  });
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
