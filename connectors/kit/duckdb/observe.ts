import { columnsMax, type Observed } from '../columns.ts';
import { admits } from '../tables.ts';
import { tooManyColumns } from '../targets.ts';
import { pointer } from './casts.ts';
import type { Typing } from './stage.ts';
import type { Statements } from './statements.ts';

/** The fields in staged records that have no column, with what was seen of them. */
export async function unknownFields(
  database: Statements,
  { columns, target }: Typing,
  staged: string,
): Promise<Observed[]> {
  // As JSON texts: the driver drops a byte order mark at the beginning of a text.
  const rows = await database.rows(
    `SELECT DISTINCT to_json(unnest(json_keys(data)))::VARCHAR AS key FROM ${staged}`,
  );
  const known = new Set(columns.map(({ field }) => field));
  const fields = rows
    .map((row) => JSON.parse(String(row['key'])) as string)
    .filter((field) => !known.has(field) && admits(target, field));
  if (fields.length + known.size > columnsMax)
    throw tooManyColumns(target.stream, fields.length + known.size);
  const observed: Observed[] = [];
  for (const field of fields.sort()) {
    const one = await observe(database, staged, field);
    // Only nulls so far: the column comes with the first value.
    if (one.types.length > 0) observed.push(one);
  }
  return observed;
}

async function observe(database: Statements, staged: string, field: string): Promise<Observed> {
  const rows = await database.rows(
    `SELECT DISTINCT CASE WHEN kind IN ('DOUBLE', 'BIGINT', 'UBIGINT', 'HUGEINT') THEN
         CASE WHEN NOT regexp_full_match(text, '-?[0-9]+') THEN 'number' WHEN TRY_CAST(text AS BIGINT) IS NULL THEN 'big' ELSE 'integer' END
       WHEN kind = 'VARCHAR' THEN 'string' ELSE lower(kind) END AS kind
     FROM (SELECT json_type(data, ${pointer(field)}) AS kind, json_extract_string(data, ${pointer(field)}) AS text FROM ${staged})
     WHERE kind IS NOT NULL AND kind <> 'NULL'`,
  );
  const kinds = new Set(rows.map((row) => String(row['kind'])));
  const big = kinds.delete('big');
  if (big) kinds.add('integer');
  return { field, types: [...kinds].sort(), big };
}
