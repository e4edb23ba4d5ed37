import { fieldsOf, type CaseStream, type PlacedCase } from './layout.ts';
import type { CaseFile } from './sources.ts';

/** A CSV file as careful programs write it: text in quotes, all else as it is. */
export function csvFile(stream: CaseStream): CaseFile {
  const header = ['case', ...fieldsOf(stream).keys()];
  const held = stream.cases.filter(hasSpelling);
  const rows = held.map((one) =>
    header.map((field) =>
      field === 'case' ? quoted(one.name) : field === one.field ? cellOf(one.value) : '',
    ),
  );
  const text = [header, ...rows].map((cells) => `${cells.join(',')}\n`).join('');
  return { bytes: Buffer.from(text), held };
}

/**
 * Half a surrogate pair is no character of UTF-8; of a column of several types nobody can tell text from numbers; and an empty cell, also in
 * quotes, is no value of a column that does not hold text.
 */
function hasSpelling({ value, type }: PlacedCase): boolean {
  if (value === null || value === 'null') return true;
  if (/^[{[]/.test(value)) return !/NaN/.test(value);
  if (['mixed', 'object', 'array'].includes(type)) return false;
  if (value === '""') return type === 'string';
  return !value.startsWith('"') || isWhole(JSON.parse(value) as string);
}

export const isWhole = (text: string): boolean => Buffer.from(text).toString() === text;

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

function cellOf(value: string | null): string {
  if (value === null || value === 'null') return '';
  if (value.startsWith('"')) return quoted(JSON.parse(value) as string);
  return /[",\n]/.test(value) ? quoted(value) : value;
}
