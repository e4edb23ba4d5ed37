import { airbyteColumns, rawIdColumn, type ColumnKind, type Observed } from '../columns.ts';
import { castSql, decimalFor, digitsSql, isNumeral } from '../duckdb/casts.ts';
import {
  columnAt,
  textAt,
  textsSql,
  type Staged,
  type Typed,
  type Typing,
} from '../duckdb/stage.ts';
import type { Statements } from '../duckdb/statements.ts';
import * as duckdb from '../duckdb/types.ts';
import { caseFold, quoteIdentifier } from '../identifiers.ts';
import { planColumns, wantedFields, type Column, type TableDialect } from '../tables.ts';
import type { Shape } from './manifest.ts';
import type { Target } from './targets.ts';

/** The widest integer that Parquet's readers know. (DuckDB would write its own HUGEINT as a double.) */
const wideInteger = 'DECIMAL(38,0)';

/** Parquet has no time of day with a zone. */
const sqlTypes: Readonly<Record<ColumnKind, string>> = {
  ...duckdb.sqlTypes,
  big_integer: wideInteger,
  timetz: 'VARCHAR',
};

/** Names are told apart as DuckDB tells them; other readers ignore case too. */
const dialect: TableDialect = {
  fold: caseFold,
  sqlTypeOf: (kind) => sqlTypes[kind],
  airbyteTypes: { ...duckdb.airbyteTypes, [rawIdColumn]: 'VARCHAR' },
  reserved: [],
};

/** The columns of a file: the schema's, and `more` that its records brought. A column that earlier files have keeps its type. */
export function typingOf(target: Target, shape: Shape, more: readonly Observed[]): Typing {
  const { stream, generation, syncId, fields } = target;
  const existing = Object.entries(shape.types ?? {}).map(([name, type]) => ({ name, type }));
  const wanted = wantedFields({ stream, fields, dedupBy: null }, more);
  const { columns } = planColumns(wanted, { existing }, dialect);
  return { columns, target: { stream, generation, syncId, only: null, hardDeletes: false } };
}

/**
 * With wider types where numbers of the batch need them; itself when none does. A column is widened once: of decimals with different scales
 * no reader makes one column that holds all of them.
 */
export async function widened(
  database: Statements,
  typing: Typing,
  batch: { readonly staged: string; readonly found: Staged; readonly typed: Typed },
): Promise<Typing> {
  const { staged, found, typed } = batch;
  const types = new Map<Column, string>();
  for (const column of typed.misfits.keys()) {
    if (column.type !== 'BIGINT' && column.type !== 'DOUBLE') continue;
    const texts = textsSql(typing, staged, found);
    const type = await widerType(database, column, {
      ...{ texts, i: typing.columns.indexOf(column) },
      hasInexact: found.hasExact || found.hasDigits,
    });
    if (type !== null) types.set(column, type);
  }
  if (types.size === 0) return typing;
  const columns = typing.columns.map((one) => ({ ...one, type: types.get(one) ?? one.type }));
  return { ...typing, columns };
}

async function widerType(
  database: Statements,
  { type }: Column,
  { texts, i, hasInexact }: { texts: string; i: number; hasInexact: boolean },
): Promise<string | null> {
  const text = textAt(i);
  const inexact = type === 'DOUBLE' && hasInexact ? `i${i}` : null;
  const digits = digitsSql(text);
  const asDecimal = type === 'BIGINT' ? castSql(wideInteger, text, null) : text;
  const [row] = await database.rows(
    `SELECT max(${digits.whole}) AS whole, max(${digits.scale}) AS scale,
       count(*) FILTER (WHERE ${castSql(type, text, inexact)} IS NULL AND ${asDecimal} IS NOT NULL) AS misfits
     FROM ${texts} WHERE ${isNumeral(text)}`,
  );
  if (Number(row!['misfits']) === 0) return null;
  return type === 'BIGINT' ? wideInteger : decimalFor(Number(row!['whole']), Number(row!['scale']));
}

/** The columns of the typed rows, named and typed as in the file. */
export function selected({ columns }: Typing): string {
  const own = [`raw_id::VARCHAR`, 'extracted_at', 'meta', 'generation_id'];
  return [
    ...columns.map(({ name }, i) => `${columnAt(i)} AS ${quoteIdentifier(name)}`),
    ...airbyteColumns.map((name, i) => `${own[i]!} AS ${quoteIdentifier(name)}`),
  ].join(', ');
}

/** What the stream's files have with one of these columns. Types of columns that it lacks are remembered. */
export function shapeWith(shape: Shape, { columns }: Typing): Shape {
  const types = Object.fromEntries(columns.map(({ name, type }) => [name, type]));
  return {
    columns: [...columns.map(({ name }) => name), ...airbyteColumns],
    types: { ...shape.types, ...types },
  };
}
