import type { RawRecord } from '../../kit/rows/records.ts';
import { cellsOf } from '../../kit/rows/rows.ts';
import type { Table } from '../../kit/tables.ts';
import { fitOf, isCut } from './cells.ts';

/** The lines of LOAD DATA for these records. */
export function rowLines(
  records: readonly RawRecord[],
  table: Table,
  firstOrdinal: number,
): Buffer {
  const cells = cellsOf(table, { fitOf, isCut });
  const line = (record: RawRecord, i: number): string =>
    `${cells(record, firstOrdinal + i)
      .map(cellText)
      .join('\t')}\n`;
  return Buffer.from(records.map(line).join(''));
}

const special = /[\\\t\n]/;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n' };

function cellText(text: string | null): string {
  if (text === null) return '\\N';
  return special.test(text) ? text.replace(/[\\\t\n]/g, (one) => escapes[one]!) : text;
}
