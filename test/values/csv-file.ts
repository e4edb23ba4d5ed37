import type { DeclaredType } from './cases.ts';
import { fieldsOf, type CaseStream, type PlacedCase } from './layout.ts';
import type { CaseFile } from './case-files.ts';

/** A CSV file as careful programs write it: text in quotes, all else as it is. */
export function csvFile(stream: CaseStream): CaseFile {
  const held = stream.cases.filter(hasSpelling).map(asText);
  const header = ['case', ...fieldsOf({ ...stream, cases: held }).keys()];
  const rows = held.map((one) =>
    header.map((field) =>
      field === 'case' ? quoted(one.name) : field === one.field ? cellOf(one.value) : '',
    ),
  );
  const text = [header.map(quoted), ...rows].map((cells) => `${cells.join(',')}\n`).join('');
  return { bytes: Buffer.from(text), held };
}

/**
 * Half a surrogate pair is no character of UTF-8; of a column of several types nobody can tell text from numbers; and an empty cell, also in
 * quotes, is no value of a column that does not hold text.
 */
function hasSpelling({ value, type, field }: PlacedCase): boolean {
  if (field === '' || !isWhole(field)) return false;
  if (value === null || value === 'null') return true;
  if (type === 'mixed') return false;
  if (/^[{[]/.test(value)) return !/NaN/.test(value);
  if (type === 'object' || type === 'array') return false;
  if (value === '""') return type === 'string';
  return !value.startsWith('"') || isWhole(JSON.parse(value) as string);
}

/** A cell that is no value of its column's type is text. */
function asText(one: PlacedCase): PlacedCase {
  const { value } = one;
  const isValue = value === null || value === 'null' || patterns[one.type].test(value);
  return isValue ? one : { ...one, value: JSON.stringify(textOf(value)) };
}

const [none, numeral, container] = [/^(?!)/, /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/, /^[{[]/];
const patterns: Readonly<Record<DeclaredType, RegExp>> = {
  ...{ string: none, date: none, timestamptz: none, timestamp: none, time: none, timetz: none },
  ...{ boolean: /^(true|false)$/, integer: numeral, big_integer: numeral, number: numeral },
  ...{ object: container, array: container, mixed: none },
};

const textOf = (value: string): string =>
  value.startsWith('"') ? (JSON.parse(value) as string) : value;

export const isWhole = (text: string): boolean => Buffer.from(text).toString() === text;

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

function cellOf(value: string | null): string {
  if (value === null || value === 'null') return '';
  if (value.startsWith('"')) return quoted(JSON.parse(value) as string);
  return /[",\n]/.test(value) ? quoted(value) : value;
}
