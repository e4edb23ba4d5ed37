import type { ColumnKind } from '../kit/columns.ts';
import type { Digits } from '../kit/rows/numerals.ts';

/** Bytes of a text, at most. (…/dg/r_Character_types.html) */
export const textBytesMax = 65_535;
const text = `character varying(${textBytesMax})`;

/** As the catalog spells them, so that they are found again. (…/dg/c_Supported_data_types.html) */
const sqlTypes: Readonly<Record<ColumnKind, string>> = {
  string: text,
  boolean: 'boolean',
  integer: 'bigint',
  big_integer: 'numeric(38,0)',
  // Until a number comes that a double would round.
  number: 'double precision',
  date: 'date',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  time: 'time without time zone',
  timetz: 'time with time zone',
  json: 'super',
};

export const typeOf = (kind: ColumnKind): string => sqlTypes[kind];

/** Of our own tables, and of the staged ones. */
export const ownTypes = { text, integer: 'bigint', boolean: 'boolean', textBytesMax } as const;

export const airbyteTypes = {
  id: 'character varying(36)',
  instant: sqlTypes.timestamptz,
  json: sqlTypes.json,
} as const;

export interface SqlType {
  /** Without its lengths. */
  readonly name: string;
  readonly sizes: readonly number[];
}

export function parseType(type: string): SqlType {
  const [, name = type, sizes] = /^([a-z ]+)\(([\d,]+)\)$/.exec(type) ?? [];
  return { name, sizes: sizes === undefined ? [] : sizes.split(',').map(Number) };
}

/** Of a decimal, at most. (…/dg/r_Numeric_types201.html) */
const decimalDigitsMax = 38;
const scaleMax = 37;

/** The type that a column of numbers may become, so that it holds what it must; null: none, or its own is the one. */
export function widerType(type: string, { whole, scale }: Digits): string | null {
  const { name, sizes } = parseType(type);
  if (name === 'bigint')
    return scale === 0 && whole <= decimalDigitsMax ? sqlTypes.big_integer : null;
  const own = name === 'numeric' && sizes[0] === decimalDigitsMax ? sizes[1]! : null;
  // A decimal without a scale is an integer's column.
  if (name !== 'double precision' && (own === null || own === 0)) return null;
  const needed = Math.max(scale, own ?? 0);
  const room = decimalDigitsMax - whole - needed;
  if (room < 0 || needed > scaleMax) return null;
  // Room on both sides, so that the next batch needs no change again.
  const wider = `numeric(${decimalDigitsMax},${Math.min(scaleMax, needed + Math.ceil(room / 2))})`;
  return wider === type ? null : wider;
}

/** Digits before the point that a decimal has. */
export function wholeDigitsIn(type: string): number {
  const [precision = 0, scale = 0] = parseType(type).sizes;
  return precision - scale;
}
