import {
  deletedAtField,
  extractedAtColumn,
  generationColumn,
  metaColumn,
  rawIdColumn,
  truncatedReason,
  typecastReason,
} from '../../kit/columns.ts';
import { quoteIdentifier, quoteLiteral } from '../../kit/identifiers.ts';
import type { Written } from '../../kit/receipt.ts';
import { brokenToTell, columnNames, type Column, type Table } from '../../kit/tables.ts';
import { nullKey } from '../../kit/targets.ts';
import type { Session } from '../session.ts';
import { isCutToMicros, losesNanos, own, takesAnything, valueSql } from './types.ts';

export type Manner = 'hurried' | 'careful';

/** Where a batch is typed before it goes into a table whose rows it may replace. Gone with the transaction. */
const staged = 'pg_temp.tidemark_rows';
/** Later than this many ms is no time that Postgres knows. */
const emittedAtMax = '1e14';
const emitted = `${own.record}->'emitted_at'`;
const extracted = `CASE WHEN jsonb_typeof(${emitted}) = 'number' AND abs((${emitted})::numeric) < ${emittedAtMax} THEN to_timestamp((${emitted})::float8 / 1000) END`;
const sourceMeta = `${own.record}->'meta'->'changes'`;
const sourceChanges = `CASE WHEN jsonb_typeof(${sourceMeta}) = 'array' THEN ${sourceMeta} ELSE '[]'::jsonb END`;

/** True for a record that says that its row was deleted, also where the time it names is no use. */
const gone = `((${own.data}->>${quoteLiteral(deletedAtField)}) IS NOT NULL OR coalesce(${own.broken} ? ${quoteLiteral(deletedAtField)}, false)) AS ${own.gone}`;

/** Inside a transaction: the records of one staged part into their table. */
export async function writePart(
  session: Session,
  table: Table,
  part: string,
  manner: Manner,
): Promise<Written> {
  const { stream } = table.target;
  if (table.target.dedupBy === null && manner === 'hurried') {
    const { count } = await session.query(
      `INSERT INTO ${table.sql} (${columnNames(table)}) ${hurriedSelect(table, part, '')}`,
    );
    return { stream, rows: count, nulled: 0 };
  }
  await session.query(`DROP TABLE IF EXISTS ${staged}`);
  const select =
    manner === 'hurried'
      ? hurriedSelect(table, part, `, ${own.ordinal}, 0 AS ${own.nulled}, ${gone}`)
      : carefulSelect(table, part);
  await session.query(`CREATE TEMPORARY TABLE tidemark_rows ON COMMIT DROP AS ${select}`);
  const { rows } = await session.query(
    `SELECT count(*) AS rows, coalesce(sum(${own.nulled}), 0) AS nulled FROM ${staged}`,
  );
  await (table.target.dedupBy === null ? insertAll(session, table) : replace(session, table));
  return { stream, rows: Number(rows[0]!['rows']), nulled: Number(rows[0]!['nulled']) };
}

const source = (part: string): string =>
  `(SELECT ordinal AS ${own.ordinal}, line->'record' AS ${own.record}, line->'record'->'data' AS ${own.data}, line->'_tidemark'->'nulled' AS ${own.broken} FROM ${part} OFFSET 0) s`;

/** Any value that does not fit is an error of class 22, after which the careful way is gone. */
function hurriedSelect(table: Table, part: string, more: string): string {
  const { columns, target } = table;
  const values = columns.map((c) => `${valueSql(c, 'hurried')} AS ${quoteIdentifier(c.name)}`);
  const plain = quoteLiteral(JSON.stringify({ sync_id: target.syncId, changes: [] }));
  const meta = `CASE WHEN ${own.broken} IS NOT NULL THEN pg_temp.tidemark_must_fit(NULL::jsonb) WHEN ${sourceMeta} IS NULL THEN ${plain}::jsonb
    ELSE jsonb_build_object('sync_id', ${target.syncId}, 'changes', ${sourceChanges}) END`;
  return `SELECT ${[
    ...values,
    `gen_random_uuid() AS ${rawIdColumn}`,
    `${extracted} AS ${extractedAtColumn}`,
    `${meta} AS ${metaColumn}`,
    `${target.generation}::bigint AS ${generationColumn}`,
  ].join(', ')}${more} FROM ${source(part)}`;
}

function carefulSelect(table: Table, part: string): string {
  const { columns, target } = table;
  const values = columns.map((c) => `${valueSql(c, 'careful')} AS ${quoteIdentifier(c.name)}`);
  const misfits = `array_remove(ARRAY[${columns
    .filter((c) => !takesAnything(c.type))
    .map(misfit)
    .join(', ')}]::text[], NULL)`;
  const told = brokenToTell(table);
  const fields = `${misfits} || CASE WHEN jsonb_typeof(${own.broken}) = 'array' THEN ARRAY(SELECT f FROM jsonb_array_elements_text(${own.broken}) f${told === null ? '' : ` WHERE f = ANY (ARRAY[${told.map(quoteLiteral).join(', ')}]::text[])`}) END`;
  const ours = `${changesSql(own.fields, 'NULLED', typecastReason)} || ${changesSql(cutFields(columns), 'TRUNCATED', truncatedReason)}`;
  return `SELECT ${[
    ...columns.map((c) => quoteIdentifier(c.name)),
    `gen_random_uuid() AS ${rawIdColumn}`,
    `${extracted} AS ${extractedAtColumn}`,
    `jsonb_build_object('sync_id', ${target.syncId}, 'changes', ${sourceChanges} || ${ours}) AS ${metaColumn}`,
    `${target.generation}::bigint AS ${generationColumn}`,
    own.ordinal,
    `cardinality(${own.fields}) AS ${own.nulled}`,
    gone,
  ].join(', ')} FROM (SELECT *, ${fields} AS ${own.fields} FROM (
    SELECT ${[...values, own.ordinal, own.record, own.data, own.broken].join(', ')} FROM ${source(part)} OFFSET 0) typed OFFSET 0) judged`;
}

/** Entries for the fields of an array. */
const changesSql = (fields: string, change: string, reason: string): string =>
  `(SELECT coalesce(jsonb_agg(jsonb_build_object('field', f, 'change', '${change}', 'reason', '${reason}')), '[]') FROM unnest(${fields}) f)`;

/** Times that have lost what is below the microsecond. */
function cutFields(columns: readonly Column[]): string {
  const cut = columns
    .filter(({ type }) => isCutToMicros(type))
    .map(
      ({ field, name }) =>
        `CASE WHEN ${quoteIdentifier(name)} IS NOT NULL AND ${losesNanos(`(${own.data}->>${quoteLiteral(field)})`)} THEN ${quoteLiteral(field)} END`,
    );
  return `array_remove(ARRAY[${cut.join(', ')}]::text[], NULL)`;
}

const misfit = ({ field, name }: Column): string =>
  `CASE WHEN ${quoteIdentifier(name)} IS NULL AND ${own.data}->>${quoteLiteral(field)} IS NOT NULL THEN ${quoteLiteral(field)} END`;

async function insertAll(session: Session, table: Table): Promise<void> {
  await session.query(
    `INSERT INTO ${table.sql} (${columnNames(table)}) SELECT ${columnNames(table)} FROM ${staged}`,
  );
}

/** The last record of each key wins, over the batch and over what is there. Invariant 4. */
async function replace(session: Session, table: Table): Promise<void> {
  const { target, columns } = table;
  const keyColumns = target.dedupBy!.map((field) => columns.find((c) => c.field === field)!);
  const keys = keyColumns.map(({ name }) => quoteIdentifier(name));
  await refuseNullKeys(session, table, keyColumns);
  await session.query(`ANALYZE ${staged}`);
  await session.query(
    `DELETE FROM ${table.sql} AS t USING (SELECT DISTINCT ${keys.join(', ')} FROM ${staged}) AS k
     WHERE ${keys.map((key) => `t.${key} = k.${key}`).join(' AND ')}`,
  );
  const alive = target.hardDeletes ? ` WHERE NOT last.${own.gone}` : '';
  await session.query(
    `INSERT INTO ${table.sql} (${columnNames(table)}) SELECT ${columnNames(table)} FROM (
       SELECT s.* FROM ${staged} s JOIN (SELECT max(${own.ordinal}) AS o FROM ${staged} GROUP BY ${keys.join(', ')}) w ON s.${own.ordinal} = w.o) last${alive}`,
  );
}

async function refuseNullKeys(
  session: Session,
  table: Table,
  keys: readonly Column[],
): Promise<void> {
  const { rows } = await session.query(
    `SELECT ${keys.map(({ name }, i) => `bool_or(${quoteIdentifier(name)} IS NULL) AS k${i}`).join(', ')} FROM ${staged}`,
  );
  const missing = keys.filter((_, i) => rows[0]![`k${i}`] === true).map(({ field }) => field);
  if (missing.length > 0) throw nullKey(table.target.stream, missing);
}
