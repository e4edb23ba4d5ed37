import type { StreamId } from '../../../protocol/index.ts';
import { deletedAtField, truncatedReason, typecastReason } from '../columns.ts';
import { quoteLiteral } from '../identifiers.ts';
import { brokenToTell, type Column } from '../tables.ts';
import { unreadableRecord, type Target } from '../targets.ts';
import { castSql, losesNanosSql, pointer, takesAnything } from './casts.ts';
import { readLiteral } from './paths.ts';
import type { Row, Statements } from './statements.ts';

/** DuckDB's own default; it holds two of these per thread. */
const lineBytesDefault = 16 * 1024 * 1024;
/** Later than this many ms is no time that DuckDB knows. */
const emittedAtMax = '1e14';

/** What records are typed for: the columns of a table, or of a file. */
export interface Typing {
  readonly columns: readonly Column[];
  readonly target: Pick<Target, 'stream' | 'only' | 'hardDeletes' | 'generation' | 'syncId'>;
}

/** RECORD lines of one stream. */
export interface RecordFile {
  readonly stream: StreamId;
  readonly file: string;
  /** No line is longer. */
  readonly lineBytesMax: number;
}

/** What a staged batch holds beside plain records. */
export interface Staged {
  readonly rows: number;
  readonly hasExact: boolean;
  readonly hasDigits: boolean;
}

/** Reads the parts of one stream into a temporary table: one row a record, `rowid` in the order of arrival. Outside transactions. */
export async function stageRecords(
  database: Statements,
  parts: readonly RecordFile[],
  name: string,
): Promise<Staged> {
  const files = parts.map(({ file }) => readLiteral(file)).join(', ');
  const lineBytes = Math.max(lineBytesDefault, ...parts.map((part) => part.lineBytesMax));
  await database.run(
    `CREATE OR REPLACE TEMPORARY TABLE ${name} AS SELECT record['data'] AS data, record['emitted_at'] AS emitted, record['meta'] AS meta,
       _tidemark['nulled'] AS broken, _tidemark['exact'] AS exact, _tidemark['digits'] AS digits
     FROM read_json([${files}], format = 'newline_delimited', maximum_object_size = ${lineBytes},
       columns = {record: 'STRUCT(data JSON, emitted_at VARCHAR, meta JSON)', _tidemark: 'STRUCT(nulled JSON, exact JSON, digits JSON)'})`,
  );
  const [row] = await database.rows(
    `SELECT count(*) AS rows, count(exact) AS exact, count(digits) AS digits,
       count(*) FILTER (WHERE json_type(data) IS DISTINCT FROM 'OBJECT') AS odd FROM ${name}`,
  );
  if (Number(row!['odd']) > 0) throw unreadableRecord(parts[0]!.stream);
  return {
    rows: Number(row!['rows']),
    hasExact: Number(row!['exact']) > 0,
    hasDigits: Number(row!['digits']) > 0,
  };
}

/** A column's number in the batch's relations, where its own name could collide with others. */
export const columnAt = (i: number): string => `c${i}`;
export const textAt = (i: number): string => `t${i}`;

/** A relation with each record's fields as text (JSON columns: as JSON), numbered as the table's columns. */
export function textsSql(table: Typing, staged: string, { hasExact, hasDigits }: Staged): string {
  const pointers = `[${table.columns.map(({ field }) => pointer(field)).join(', ')}]`;
  const lists = [
    `json_extract_string(data, ${pointers}) AS s`,
    ...(table.columns.some(({ type }) => type === 'JSON')
      ? [`json_extract(data, ${pointers}) AS j`]
      : []),
    ...(hasExact ? [`json_extract_string(exact, ${pointers}) AS x`] : []),
    ...(hasDigits ? [`json_extract_string(digits, ${pointers}) AS d`] : []),
  ];
  const texts = table.columns.map(({ type }, i) => {
    const plain = `${type === 'JSON' ? 'j' : 's'}[${i + 1}]`;
    return `${hasExact ? `coalesce(x[${i + 1}], ${plain})` : plain} AS ${textAt(i)}`;
  });
  const inexact = table.columns.flatMap(({ type }, i) =>
    type === 'DOUBLE' && (hasExact || hasDigits)
      ? [`${inexactSql(i, hasExact, hasDigits)} AS i${i}`]
      : [],
  );
  return `(SELECT ordinal, emitted, meta, broken, ${[...texts, ...inexact].join(', ')}
    FROM (SELECT rowid AS ordinal, emitted, meta, broken, ${lists.join(', ')} FROM ${staged}))`;
}

const inexactSql = (i: number, hasExact: boolean, hasDigits: boolean): string =>
  [
    ...(hasExact ? [`x[${i + 1}] IS NOT NULL`] : []),
    ...(hasDigits ? [`d[${i + 1}] IS NOT NULL`] : []),
  ].join(' OR ');

/** What typing a batch found. */
export interface Typed {
  readonly rows: number;
  readonly nulled: number;
  /** By column, values that did not fit. */
  readonly misfits: ReadonlyMap<Column, number>;
}

/** Types a staged batch into a second temporary table, in the order of the target's columns. Outside transactions. */
export async function typeRecords(
  database: Statements,
  table: Typing,
  names: { readonly staged: string; readonly typed: string },
  found: Staged,
): Promise<Typed> {
  const { columns, target } = table;
  const texts = textsSql(table, names.staged, found);
  const inexact = (i: number): string | null =>
    found.hasExact || found.hasDigits ? `i${i}` : null;
  const casts = columns.map(
    ({ type }, i) => `${castSql(type, textAt(i), inexact(i))} AS ${columnAt(i)}`,
  );
  const tight = columns.flatMap((column, i) => (takesAnything(column.type) ? [] : [{ column, i }]));
  const misfit = (i: number): string => `${textAt(i)} IS NOT NULL AND ${columnAt(i)} IS NULL`;
  const any = tight.map(({ i }) => misfit(i)).join(' OR ') || 'false';
  const list = tight.map(
    ({ column, i }) => `CASE WHEN ${misfit(i)} THEN ${quoteLiteral(column.field)} END`,
  );
  const fields = `CASE WHEN ${any} OR broken IS NOT NULL THEN
    list_concat(list_filter([${list.join(', ')}]::VARCHAR[], lambda f: f IS NOT NULL), ${brokenSql(table)}) END`;
  const plain = quoteLiteral(JSON.stringify({ sync_id: target.syncId, changes: [] }));
  await database.run(
    `CREATE OR REPLACE TEMPORARY TABLE ${names.typed} AS
     SELECT ${columns.map((_, i) => `${columnAt(i)}, `).join('')}uuid() AS raw_id,
       CASE WHEN abs(TRY_CAST(emitted AS DOUBLE)) < ${emittedAtMax} THEN make_timestamptz(CAST(TRY_CAST(emitted AS DOUBLE) * 1000 AS BIGINT)) END AS extracted_at,
       CASE WHEN fields IS NULL AND cut IS NULL AND meta IS NULL THEN ${plain}
         ELSE CAST(json_object('sync_id', ${target.syncId}, 'changes', list_concat(
           CASE WHEN json_type(meta, '/changes') = 'ARRAY' THEN CAST(json_extract(meta, '/changes') AS JSON[]) ELSE [] END,
           ${changesSql('fields', 'NULLED', typecastReason)}, ${changesSql('cut', 'TRUNCATED', truncatedReason)})) AS VARCHAR) END::JSON AS meta,
       CAST(${target.generation} AS BIGINT) AS generation_id, ordinal, fields${target.hardDeletes ? `, ${goneSql(table)} AS gone` : ''}
     FROM (SELECT *, ${fields} AS fields, ${cutSql(columns)} AS cut FROM (SELECT *, ${casts.join(', ')} FROM ${texts}))`,
  );
  return counted(database, names.typed, tight);
}

/** Entries for the fields of a list, which may be NULL. */
const changesSql = (fields: string, change: string, reason: string): string =>
  `list_transform(coalesce(${fields}, []), lambda f: CAST(json_object('field', f, 'change', '${change}', 'reason', '${reason}') AS JSON))`;

/** Fields whose times have lost what is below the microsecond; NULL: none. */
function cutSql(columns: readonly Column[]): string {
  const cut = columns.flatMap(({ field, type }, i) => {
    const loses = losesNanosSql(type, textAt(i));
    return loses === null ? [] : [{ field, test: `${columnAt(i)} IS NOT NULL AND ${loses}` }];
  });
  if (cut.length === 0) return 'NULL::VARCHAR[]';
  const list = cut.map(({ field, test }) => `CASE WHEN ${test} THEN ${quoteLiteral(field)} END`);
  return `CASE WHEN ${cut.map(({ test }) => test).join(' OR ')} THEN list_filter([${list.join(', ')}], lambda f: f IS NOT NULL) END`;
}

/** True for a record that says that its row was deleted, also where the time it names is no use. */
function goneSql({ columns }: Typing): string {
  const i = columns.findIndex(({ field }) => field === deletedAtField);
  const says =
    i < 0 ? 'false' : `${takesAnything(columns[i]!.type) ? columnAt(i) : textAt(i)} IS NOT NULL`;
  return `(${says} OR coalesce(list_contains(broken::VARCHAR[], ${quoteLiteral(deletedAtField)}), false))`;
}

function brokenSql(table: Typing): string {
  const told = brokenToTell(table);
  const all = 'coalesce(broken::VARCHAR[], [])';
  if (told === null) return all;
  return `list_filter(${all}, lambda f: list_contains([${told.map(quoteLiteral).join(', ')}]::VARCHAR[], f))`;
}

async function counted(
  database: Statements,
  typed: string,
  tight: readonly { readonly column: Column }[],
): Promise<Typed> {
  const [total] = await database.rows(
    `SELECT count(*) AS rows, coalesce(sum(len(fields)), 0) AS nulled FROM ${typed}`,
  );
  const nulled = Number(total!['nulled']);
  const found: Row[] =
    nulled === 0
      ? []
      : await database.rows(
          `SELECT field, count(*) AS n FROM (SELECT unnest(fields) AS field FROM ${typed} WHERE fields IS NOT NULL) GROUP BY field`,
        );
  const counts = new Map(found.map((row) => [String(row['field']), Number(row['n'])]));
  return {
    rows: Number(total!['rows']),
    nulled,
    misfits: new Map(
      tight.flatMap(({ column }) => {
        const n = counts.get(column.field);
        return n === undefined ? [] : [[column, n]];
      }),
    ),
  };
}
