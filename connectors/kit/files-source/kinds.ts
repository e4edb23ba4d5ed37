import type { JsonObject } from '../../../protocol/index.ts';
import { numeralPattern } from '../numbers.ts';
import type { ColumnType } from './config.ts';

/** What the values of a column are; null: only nulls were seen. `json`: objects and lists. */
export type Kind = ColumnType | 'json';

const integer = /^-?(?:0|[1-9]\d*)$/;
const truth = /^(?:true|false)$/i;
const dateLike =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?( ?(?:Z|z|[+-]\d\d(?::?\d\d)?))?)?$/;
/** A double holds no larger power of ten. */
const exponentMax = 300;

/** The kind of a CSV cell's text. */
export function kindOfText(text: string): Kind {
  const number = kindOfNumeral(text);
  if (number !== null) return number;
  if (truth.test(text)) return 'boolean';
  return kindOfString(text);
}

/** The kind of a JSON string's text. */
export function kindOfString(text: string): Kind {
  const match = dateLike.exec(text);
  if (match === null) return 'string';
  const [, year, month, day, hour, minute, second = '0', zone] = match;
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  const isDate = !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day);
  if (!isDate) return 'string';
  if (hour === undefined) return 'date';
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return 'string';
  return zone === undefined ? 'timestamp' : 'timestamptz';
}

/** null: no JSON number. */
export function kindOfNumeral(text: string): Kind | null {
  if (integer.test(text)) return fitsBigint(text) ? 'integer' : 'big_integer';
  if (!numeralPattern.test(text)) return null;
  const exponent = /[eE](.*)$/.exec(text)?.[1];
  return exponent === undefined || Math.abs(Number(exponent)) <= exponentMax ? 'number' : 'string';
}

function fitsBigint(text: string): boolean {
  if (text.length <= 18) return true;
  if (text.length > 20) return false;
  const value = BigInt(text);
  return value === BigInt.asIntN(64, value);
}

/** Each list widens from left to right. */
const widenings: readonly (readonly Kind[])[] = [
  ['integer', 'big_integer', 'number'],
  ['date', 'timestamp'],
];

/** The kind that holds values of both. */
export function union(a: Kind | null, b: Kind | null): Kind | null {
  if (a === null || a === b) return b;
  if (b === null) return a;
  for (const widening of widenings) {
    const [i, k] = [widening.indexOf(a), widening.indexOf(b)];
    if (i >= 0 && k >= 0) return widening[Math.max(i, k)]!;
  }
  const containers: readonly Kind[] = ['object', 'array', 'json'];
  return containers.includes(a) && containers.includes(b) ? 'json' : 'string';
}

const string = (format?: string, hint?: string): JsonObject => ({
  type: ['null', 'string'],
  ...(format !== undefined && { format }),
  ...(hint !== undefined && { airbyte_type: hint }),
});

/** Airbyte's JSON schema of a column. */
export function schemaOf(kind: Kind | null): JsonObject {
  switch (kind) {
    case null:
    case 'string':
      return string();
    case 'date':
      return string('date');
    case 'timestamp':
      return string('date-time', 'timestamp_without_timezone');
    case 'timestamptz':
      return string('date-time', 'timestamp_with_timezone');
    case 'big_integer':
      return { type: ['null', 'integer'], airbyte_type: 'big_integer' };
    case 'json':
      return { type: ['null', 'object', 'array'] };
    case 'integer':
    case 'number':
    case 'boolean':
    case 'object':
    case 'array':
      return { type: ['null', kind] };
  }
}
