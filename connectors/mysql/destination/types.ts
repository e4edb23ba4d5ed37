import {
  extractedAtColumn,
  generationColumn,
  metaColumn,
  rawIdColumn,
  type airbyteColumns,
  type ColumnKind,
} from '../../kit/columns.ts';
import type { Row } from '../../kit/ledger-cells.ts';
import type { Digits } from '../../kit/rows/numerals.ts';

/**
 * What a column's comment says of its values, where its type does not. `JSON`: JSON text, as it was sent: MySQL's own type would round its
 * numbers and refuse it a hundred deep. `UTC`: a point in time.
 */
export const marks = { json: 'JSON', utc: 'UTC' } as const;

const jsonText = `longtext COMMENT '${marks.json}'`;
const instant = `datetime(6) COMMENT '${marks.utc}'`;

const sqlTypes: Readonly<Record<ColumnKind, string>> = {
  string: 'longtext',
  boolean: 'tinyint(1)',
  integer: 'bigint',
  big_integer: 'decimal(65,0)',
  // Until a number comes that a double would round: see `widerTypes`.
  number: 'double',
  date: 'date',
  timestamp: 'datetime(6)',
  timestamptz: instant,
  time: 'time(6)',
  // No type of theirs keeps the zone of a time of day.
  timetz: 'longtext',
  json: jsonText,
};

export const sqlTypeOf = (kind: ColumnKind): string => sqlTypes[kind];

export const airbyteTypes: Readonly<Record<(typeof airbyteColumns)[number], string>> = {
  [rawIdColumn]: 'char(36) NOT NULL',
  [extractedAtColumn]: instant,
  [metaColumn]: `${jsonText} NOT NULL`,
  [generationColumn]: 'bigint NOT NULL',
};

/** A column's type as DDL spells it, from information_schema. The width of integers, which MariaDB tells, is none of it. */
export function typeText(row: Row): string {
  const [type, comment] = [String(row['type']), String(row['comment'])];
  const plain = type === 'tinyint(1)' ? type : type.replace(/^(\w*int)\(\d+\)/, '$1');
  return Object.values<string>(marks).includes(comment) ? `${plain} COMMENT '${comment}'` : plain;
}

export interface SqlType {
  /** Without its lengths. */
  readonly name: string;
  /** In its parentheses. */
  readonly sizes: readonly number[];
  readonly unsigned: boolean;
  readonly mark: string | null;
}

export function parseType(text: string): SqlType {
  const match = /^(\w+)(?:\(([\d,]+)\))?( unsigned)?.*?(?: COMMENT '(\w+)')?$/.exec(text);
  const [, name = text, sizes, unsigned, mark] = match ?? [];
  return {
    name,
    sizes: sizes === undefined ? [] : sizes.split(',').map(Number),
    unsigned: unsigned !== undefined,
    mark: mark ?? null,
  };
}

export const decimalDigitsMax = 65;
const scaleMax = 30;

/** The type that a column of numbers may become, so that it holds what it must; null: none, or its own is the one. */
export function widerType(type: string, { whole, scale }: Digits): string | null {
  const { name, sizes, unsigned } = parseType(type);
  if (name === 'bigint' && !unsigned)
    return scale === 0 && whole <= decimalDigitsMax ? sqlTypes.big_integer : null;
  const own = name === 'decimal' && sizes[0] === decimalDigitsMax ? sizes[1]! : null;
  // A decimal without a scale is an integer's column.
  if (name !== 'double' && (own === null || own === 0)) return null;
  const needed = Math.max(scale, own ?? 0);
  const room = decimalDigitsMax - whole - needed;
  if (room < 0 || needed > scaleMax) return null;
  // Room on both sides, so that the next batch needs no change again.
  const wider = `decimal(${decimalDigitsMax},${Math.min(scaleMax, needed + Math.ceil(room / 2))})`;
  return wider === type ? null : wider;
}
