import type { Observed } from '../columns.ts';
import { admits, type Column, type Table } from '../tables.ts';
import type { Fit } from './fit.ts';
import { digitsOf, type Digits } from './numerals.ts';
import type { RawRecord } from './records.ts';

const bigintMax = 2n ** 63n - 1n;
/** Integers of so many characters are in 64 bits. */
const safeChars = 18;

/** The fields in records that the table has no column for, with what was seen of them. */
export function unknownFields(
  records: readonly RawRecord[],
  { columns, target }: Table,
): Observed[] {
  const known = new Set(columns.map(({ field }) => field));
  const seen = new Map<string, { types: Set<string>; big: boolean }>();
  for (const { fields } of records)
    for (const [field, json] of fields) {
      if (json === 'null' || known.has(field) || !admits(target, field)) continue;
      const one = seen.get(field) ?? { types: new Set(), big: false };
      seen.set(field, one);
      const type = typeOf(json);
      one.types.add(type);
      if (type === 'integer' && json.length > safeChars) one.big ||= isBig(json);
    }
  return [...seen]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([field, { types, big }]) => ({ field, types: [...types].sort(), big }));
}

function typeOf(json: string): string {
  switch (json.charAt(0)) {
    case '"':
      return 'string';
    case '{':
      return 'object';
    case '[':
      return 'array';
    case 't':
    case 'f':
      return 'boolean';
    default:
      return /^-?\d+$/.test(json) ? 'integer' : 'number';
  }
}

function isBig(integer: string): boolean {
  const value = BigInt(integer);
  return value > bigintMax || -value > bigintMax;
}

/** How a system's columns take numbers. */
export interface NumberTypes {
  /** Whether a column of this type may be made wider at all. */
  readonly isOfNumbers: (type: string) => boolean;
  readonly fitOf: (type: string) => Fit;
  /** The type that a column of numbers may become, so that it holds what it must; null: none, or its own is the one. */
  readonly widerType: (type: string, digits: Digits) => string | null;
}

/** The numbers of records that are there for a column: the digits of all of them, and whether the column would lose one. */
export interface Numbers {
  readonly column: Column;
  readonly digits: Digits;
  readonly isTight: boolean;
}

/**
 * By column of numbers, what these records hold for it. A number that no type of the column could hold asks for none: the column keeps what it
 * can.
 */
export function numbersIn(
  records: readonly RawRecord[],
  { columns }: Table,
  { isOfNumbers, fitOf, widerType }: NumberTypes,
): Numbers[] {
  return columns.flatMap((column) => {
    if (!isOfNumbers(column.type)) return [];
    const fit = fitOf(column.type);
    let [whole, scale, isTight] = [0, 0, false];
    for (const { fields } of records) {
      const json = fields.get(column.field);
      if (json === undefined || json === 'null') continue;
      const digits = digitsOf(json.startsWith('"') ? json.slice(1, -1) : json);
      if (digits === null) continue;
      const fits = fit(json) !== null;
      if (!fits && widerType(column.type, digits) === null) continue;
      isTight ||= !fits;
      whole = Math.max(whole, digits.whole);
      scale = Math.max(scale, digits.scale);
    }
    return [{ column, digits: { whole, scale }, isTight }];
  });
}
