import { airbyteColumns, columnsMax } from '../columns.ts';
import { asBytesText, membersOf, stringOf } from '../json-scan.ts';
import { tooManyColumns } from '../targets.ts';
import type { StreamId } from '../../../protocol/index.ts';
import type { RecordText } from './records.ts';
import type { Rows } from './rows.ts';
import { columnOf } from './targets.ts';

/**
 * A header, then a row a record, with commas between cells and a newline after each row. A null is an empty cell, an empty text is `""`;
 * objects and lists are their JSON text. `columns`: what the stream has so far, in any order.
 */
export function csvRows(stream: StreamId, columns: readonly string[]): Rows {
  const own = new Set<string>(airbyteColumns);
  const header = [...columns.filter((column) => !own.has(column)), ...airbyteColumns];
  const cells = header.length;
  const places = new Map<string, number>();
  const byKey = new Map<string, number>();
  header.forEach((column, i) => places.set(column, i));
  const missing: string[] = [];
  const placeOf = (key: string): number => {
    const known = byKey.get(key);
    if (known !== undefined) return known;
    const column = columnOf(stringOf(key));
    const place = places.get(column) ?? header.length + missing.length;
    if (place >= cells) {
      missing.push(column);
      places.set(column, place);
      if (header.length + missing.length > columnsMax + airbyteColumns.length)
        throw tooManyColumns(stream, header.length + missing.length);
    }
    byKey.set(key, place);
    return place;
  };
  return {
    head: `${header.map((column) => asBytesText(quotedIfNeeded(column))).join(',')}\n`,
    columns: header,
    missing,
    row: ({ data }: RecordText, stamps) => {
      const row = header.map(() => '');
      for (const { key, start, end } of membersOf(data, 0)) {
        const cell = cellOf(data.slice(start, end));
        // A key with nothing but nulls so far gets its column with its first value. Of a key given twice the last counts.
        const place = byKey.get(key) ?? (cell === '' && !isKnown(key, places) ? -1 : placeOf(key));
        if (place >= 0 && place < cells) row[place] = cell;
      }
      stamps.forEach((stamp, i) => (row[cells - stamps.length + i] = cellOf(stamp)));
      return `${row.join(',')}\n`;
    },
  };
}

const isKnown = (key: string, places: ReadonlyMap<string, number>): boolean =>
  places.has(columnOf(stringOf(key)));

/** The cell of a JSON text; both have one character a byte. */
function cellOf(json: string): string {
  if (json === 'null') return '';
  if (json.startsWith('"'))
    return quotedIfNeeded(json.includes('\\') ? asBytesText(stringOf(json)) : json.slice(1, -1));
  return quotedIfNeeded(json);
}

const quotedIfNeeded = (text: string): string =>
  text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
