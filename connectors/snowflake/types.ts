import type { ColumnKind } from '../kit/columns.ts';
import type { Digits } from '../kit/rows/numerals.ts';

/** docs.snowflake.com: sql-reference/data-types-numeric */
export const digitsMax = 38;
const scaleMax = 37;
/** Of a VARCHAR whose length is not said, bytes (docs.snowflake.com: sql-reference/data-types-text). */
export const textBytesMax = 16_777_216;

const sqlTypes: Readonly<Record<ColumnKind, string>> = {
  string: 'VARCHAR',
  boolean: 'BOOLEAN',
  integer: `NUMBER(${digitsMax},0)`,
  big_integer: `NUMBER(${digitsMax},0)`,
  // Until a number comes that a double would round: see `widerType`.
  number: 'FLOAT',
  date: 'DATE',
  timestamp: 'TIMESTAMP_NTZ',
  timestamptz: 'TIMESTAMP_TZ',
  time: 'TIME',
  // No type of theirs keeps the zone of a time of day.
  timetz: 'VARCHAR',
  json: 'VARIANT',
};

export const typeOf = (kind: ColumnKind): string => sqlTypes[kind];

/** What DESCRIBE TABLE says of types that are made without their sizes. */
const defaults: Readonly<Record<string, string>> = {
  [`VARCHAR(${textBytesMax})`]: 'VARCHAR',
  'TIMESTAMP_NTZ(9)': 'TIMESTAMP_NTZ',
  'TIMESTAMP_TZ(9)': 'TIMESTAMP_TZ',
  'TIME(9)': 'TIME',
};

/** A column's type as `typeOf` spells it, from DESCRIBE TABLE. */
export const typeText = (described: string): string => defaults[described] ?? described;

/** Digits of a NUMBER; null: it is another type. */
export function digitsOf(type: string): Digits | null {
  const [, precision, scale] = /^NUMBER\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (precision === undefined) return null;
  return { whole: Number(precision) - Number(scale), scale: Number(scale) };
}

/** Whether a column of this type may become wider: a NUMBER without a scale is an integer's, and as wide as it can be. */
export function isOfNumbers(type: string): boolean {
  const own = digitsOf(type);
  return type === 'FLOAT' || (own !== null && own.scale > 0 && own.whole + own.scale === digitsMax);
}

/** The type that a column of numbers may become, so that it holds what it must; null: none, or its own is the one. */
export function widerType(type: string, { whole, scale }: Digits): string | null {
  if (!isOfNumbers(type)) return null;
  const needed = Math.max(scale, digitsOf(type)?.scale ?? 0);
  const room = digitsMax - whole - needed;
  if (room < 0 || needed > scaleMax) return null;
  // Room on both sides, so that the next batch needs no change again.
  const wider = `NUMBER(${digitsMax},${Math.min(scaleMax, needed + Math.ceil(room / 2))})`;
  return wider === type ? null : wider;
}

/** SQL: by its text, which has no digits of a double beyond those that tell it from others. */
export const widened = (column: string, _: string, wider: string): string =>
  `CAST(TO_VARCHAR(${column}) AS ${wider})`;

/** SQL. However the text is made: it must give the value back. TRY_CAST takes texts only (docs.snowflake.com: sql-reference/functions/try_cast). */
export const losesWidened = (column: string, type: string, wider: string): string =>
  `NOT EQUAL_NULL(CAST(TRY_CAST(TO_VARCHAR(${column}) AS ${wider}) AS ${type}), ${column})`;

/**
 * SQL: the text of a staged column as this type. Duplicate keys of an object are an error to PARSE_JSON unless they are allowed: then the last one
 * counts, as it does elsewhere (docs.snowflake.com: sql-reference/functions/parse_json).
 */
export function cast(column: string, type: string): string {
  if (type === 'VARCHAR') return column;
  if (type === 'VARIANT') return `PARSE_JSON(${column}, 'd')`;
  // See `timestampText`: in UTC. Of formats that are told by themselves (docs.snowflake.com: user-guide/date-time-input-output).
  const text = type.startsWith('TIMESTAMP_TZ') ? `(${column} || '+00:00')` : column;
  return `CAST(${text} AS ${type})`;
}

/** SQL: what tells a column's values apart. A VARIANT's keys are in one order (docs.snowflake.com: sql-reference/functions/to_json). */
export const comparable = (column: string, type: string): string =>
  type === 'VARIANT' ? `TO_JSON(${column})` : column;
