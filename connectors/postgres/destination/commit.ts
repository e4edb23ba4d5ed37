import type { Encoding } from '../../../protocol/index.ts';
import {
  extractedAtColumn,
  generationColumn,
  metaColumn,
  rawIdColumn,
  truncatedReason,
  typecastReason,
} from '../../kit/columns.ts';
import { quoteIdentifier, quoteLiteral } from '../../kit/identifiers.ts';
import type { Written } from '../../kit/receipt.ts';
import { columnNames, type Column, type Table } from '../../kit/tables.ts';
import { nullKey } from '../../kit/targets.ts';
import type { Session } from '../session.ts';
import type { Fields } from './fields.ts';
import { fieldRows, jsonRows, type Rows } from './rows.ts';
import {
  isCutToMicros,
  losesNanos,
  own,
  takesAnything,
  valueSql,
  type Given,
  type Manner,
} from './types.ts';

/** Where a batch is typed before it goes into a table whose rows it may replace. Gone with the transaction. */
const staged = 'pg_temp.tidemark_rows';

/** What a commit takes out of a sealed part. */
export interface StagedPart {
  readonly table: string;
  /** The encodings in which its rows came. */
  readonly holds: ReadonlySet<Encoding>;
  readonly fields: Fields;
}

/** Inside a transaction: the records of one staged part into their table. */
export async function writePart(
  session: Session,
  table: Table,
  part: StagedPart,
  manner: Manner,
): Promise<Written> {
  const { stream } = table.target;
  const isPlain = table.target.dedupBy === null && manner === 'hurried';
  // One statement for both encodings: the rows of a part are one order. Invariant 4.
  const select = rowsIn(table, part, manner)
    .map((rows) =>
      manner === 'hurried' ? hurriedSelect(table, rows, !isPlain) : carefulSelect(table, rows),
    )
    .join(' UNION ALL ');
  if (isPlain) {
    const { count } = await session.query(
      `INSERT INTO ${table.sql} (${columnNames(table)}) ${select}`,
    );
    return { stream, rows: count, nulled: 0 };
  }
  await session.query(`DROP TABLE IF EXISTS ${staged}`);
  await session.query(`CREATE TEMPORARY TABLE tidemark_rows ON COMMIT DROP AS ${select}`);
  const { rows } = await session.query(
    `SELECT count(*) AS rows, coalesce(sum(${own.nulled}), 0) AS nulled FROM ${staged}`,
  );
  await (table.target.dedupBy === null ? insertAll(session, table) : replace(session, table));
  return { stream, rows: Number(rows[0]!['rows']), nulled: Number(rows[0]!['nulled']) };
}

function rowsIn(table: Table, { table: part, holds, fields }: StagedPart, manner: Manner): Rows[] {
  return [
    ...(holds.has('jsonl') ? [jsonRows(part, table)] : []),
    ...(holds.has('pg-copy-text') ? [fieldRows(part, fields, manner)] : []),
  ];
}

/** Any value that does not fit is an error of class 22, after which the careful way is gone. `isStaged`: with what `replace` needs. */
function hurriedSelect({ columns, target }: Table, rows: Rows, isStaged: boolean): string {
  const values = columns.map(
    ({ field, name, type }) =>
      `${valueSql(rows.given(field), type, 'hurried')} AS ${quoteIdentifier(name)}`,
  );
  const more = isStaged
    ? `, ${rows.ordinal} AS ${own.ordinal}, 0 AS ${own.nulled}, ${rows.gone} AS ${own.gone}`
    : '';
  return `SELECT ${[
    ...values,
    `gen_random_uuid() AS ${rawIdColumn}`,
    `${rows.extracted} AS ${extractedAtColumn}`,
    `${hurriedMeta(target.syncId, rows)} AS ${metaColumn}`,
    `${target.generation}::bigint AS ${generationColumn}`,
  ].join(', ')}${more} FROM ${rows.from}`;
}

function hurriedMeta(syncId: number, { isBroken, hasChanges, changes }: Rows): string {
  const plain = `${quoteLiteral(JSON.stringify({ sync_id: syncId, changes: [] }))}::jsonb`;
  if (isBroken === null || hasChanges === null) return plain;
  return `CASE WHEN ${isBroken} THEN pg_temp.tidemark_must_fit(NULL::jsonb) WHEN ${hasChanges}
    THEN jsonb_build_object('sync_id', ${syncId}, 'changes', ${changes}) ELSE ${plain} END`;
}

function carefulSelect({ columns, target }: Table, rows: Rows): string {
  const values = columns.map(
    ({ field, name, type }) =>
      `${valueSql(rows.given(field), type, 'careful')} AS ${quoteIdentifier(name)}`,
  );
  const misfits = columns.flatMap((column) => misfit(column, rows.given(column.field)));
  const fields = `array_remove(ARRAY[${misfits.join(', ')}]::text[], NULL) || ${rows.broken}`;
  const ours = `${changesSql(own.fields, 'NULLED', typecastReason)} || ${changesSql(cutFields(columns, rows), 'TRUNCATED', truncatedReason)}`;
  return `SELECT ${[
    ...columns.map((c) => quoteIdentifier(c.name)),
    `gen_random_uuid() AS ${rawIdColumn}`,
    `${rows.extracted} AS ${extractedAtColumn}`,
    `jsonb_build_object('sync_id', ${target.syncId}, 'changes', ${rows.changes} || ${ours}) AS ${metaColumn}`,
    `${target.generation}::bigint AS ${generationColumn}`,
    own.ordinal,
    `cardinality(${own.fields}) AS ${own.nulled}`,
    `${rows.gone} AS ${own.gone}`,
  ].join(', ')} FROM (SELECT *, ${fields} AS ${own.fields} FROM (
    SELECT ${[...values, ...rows.carried].join(', ')} FROM ${rows.from} OFFSET 0) typed OFFSET 0) judged`;
}

/** Entries for the fields of an array. */
const changesSql = (fields: string, change: string, reason: string): string =>
  `(SELECT coalesce(jsonb_agg(jsonb_build_object('field', f, 'change', '${change}', 'reason', '${reason}')), '[]') FROM unnest(${fields}) f)`;

/** Times that have lost what is below the microsecond. */
function cutFields(columns: readonly Column[], rows: Rows): string {
  const cut = columns
    .filter(({ type }) => isCutToMicros(type))
    .map(
      ({ field, name }) =>
        `CASE WHEN ${quoteIdentifier(name)} IS NOT NULL AND ${losesNanos(rows.given(field).plain)} THEN ${quoteLiteral(field)} END`,
    );
  return `array_remove(ARRAY[${cut.join(', ')}]::text[], NULL)`;
}

/** Nothing for what can't fail to fit. */
function misfit({ field, name, type }: Column, { isThere, mayBreak }: Given): readonly string[] {
  if (takesAnything(type) && !mayBreak) return [];
  return [
    `CASE WHEN ${quoteIdentifier(name)} IS NULL AND ${isThere} THEN ${quoteLiteral(field)} END`,
  ];
}

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
