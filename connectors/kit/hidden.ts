import { SyncError, type StreamId } from '../../protocol/index.ts';
import { shortHash } from './identifiers.ts';
import type { Table } from './tables.ts';
import type { Target } from './targets.ts';

// Tables that a stream's new data is loaded into, out of sight, until it is complete.

const hiddenHashLength = 16;

/** Hidden tables of a target begin so, and end in their generation. */
export function hiddenPrefix(schema: string, table: string): string {
  return `_tidemark_next_${shortHash(JSON.stringify([schema, table]), hiddenHashLength)}_`;
}

/**
 * Of these tables, which begin with the target's hidden prefix, the ones that earlier generations left. Never a later one: a writer that was
 * fenced off may sweep too.
 */
export function staleHidden(names: readonly string[], target: Target): readonly string[] {
  const prefix = hiddenPrefix(target.schema, target.table);
  return names.filter((name) => {
    const digits = name.slice(prefix.length);
    return /^\d+$/.test(digits) && Number(digits) < target.generation;
  });
}

/** `rows`: counted up to `min`. */
export function refuseFewRows(stream: StreamId, rows: number, min: number): void {
  if (rows >= min) return;
  throw new SyncError(
    'config_error',
    'The new data of a stream has fewer rows than rows_min, so it did not take the place of the old.',
    {
      origin: 'source',
      code: 'too_few_rows',
      stream,
      place: `stream ${stream}: ${rows} rows, rows_min ${min}`,
      remedy:
        'See why the source sent so few. If that is right, lower rows_min in the policy of the connection, and sync again.',
      facts: { rows, rowsMin: min },
    },
  );
}

/** The tables of a system's schemas, of Tidemark and of others. */
export interface SchemaTables {
  /** Those whose names begin so. */
  tableNames(schema: string, prefix: string): Promise<readonly string[]>;
  dropTable(schema: string, table: string): Promise<void>;
}

/** Drops what earlier generations left out of sight. */
export async function sweepHidden(tables: SchemaTables, target: Target): Promise<void> {
  const { schema, table } = target;
  const names = await tables.tableNames(schema, hiddenPrefix(schema, table));
  for (const name of staleHidden(names, target)) await tables.dropTable(schema, name);
}

/** Counts no further than it must. `ask` runs a query and gives its rows. */
export async function refuseTooFew(
  { sql, target }: Table,
  min: number,
  ask: (query: string) => Promise<readonly Readonly<Record<string, unknown>>[]>,
): Promise<void> {
  if (min <= 0) return;
  const rows = await ask(
    `SELECT count(*) AS found FROM (SELECT 1 FROM ${sql} LIMIT ${min}) AS counted`,
  );
  refuseFewRows(target.stream, Number(rows[0]!['found']), min);
}
