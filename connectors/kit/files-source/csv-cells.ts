import { isObject, type JsonObject } from '../../../protocol/index.ts';
import { columnsOf, type ColumnKind } from '../columns.ts';
import { numeralPattern } from '../numbers.ts';

/** A cell as JSON text, one character a byte. */
export type CellWriter = (cell: string, isQuoted: boolean) => string;

/** Quotes, backslashes and control characters. */
const special = /[^ !#-[\]-\uffff]/;

export const jsonText = (text: string): string =>
  special.test(text) ? JSON.stringify(text) : `"${text}"`;

const truth = /^(?:true|false)$/i;

/**
 * Writes a column's cells by its kind in the stream's schema. Numbers are written as they stand, never through a number of ours. What does
 * not fit its column goes on as text: the destination makes it NULL and says so.
 */
export function cellWriter(kind: ColumnKind, nulls: ReadonlySet<string>): CellWriter {
  switch (kind) {
    case 'integer':
    case 'big_integer':
    case 'number':
      return plain(nulls, (cell) => (numeralPattern.test(cell) ? cell : jsonText(cell)));
    case 'boolean':
      return plain(nulls, (cell) => (truth.test(cell) ? cell.toLowerCase() : jsonText(cell)));
    case 'string':
      return (cell, isQuoted) => (!isQuoted && nulls.has(cell) ? 'null' : jsonText(cell));
    case 'date':
    case 'timestamp':
    case 'timestamptz':
    case 'time':
    case 'timetz':
      return plain(nulls, jsonText);
    case 'json':
      return plain(nulls, (cell) => containerText(cell) ?? jsonText(cell));
  }
}

/** Of kinds that no empty text can be of: also a quoted empty cell is null. */
function plain(nulls: ReadonlySet<string>, write: (cell: string) => string): CellWriter {
  return (cell, isQuoted) => (cell === '' || (!isQuoted && nulls.has(cell)) ? 'null' : write(cell));
}

/** The cell, where it is a JSON object or list, on one line. */
function containerText(cell: string): string | null {
  if (!/^\s*[{[]/.test(cell)) return null;
  try {
    // Only to prove that it is JSON. Newlines stand between its tokens, never inside of them.
    JSON.parse(cell);
    return cell.replace(/[\n\r]/g, ' ');
  } catch {
    return null; // text that only looks like JSON
  }
}

/** By column name. What the schema does not know is text. */
export function kindsIn(schema: JsonObject): ReadonlyMap<string, ColumnKind> {
  return isObject(schema['properties']) ? columnsOf(schema) : new Map();
}
