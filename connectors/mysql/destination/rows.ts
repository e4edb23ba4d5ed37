import { randomUUID } from 'node:crypto';
import { deletedAtField, truncatedReason, typecastReason } from '../../kit/columns.ts';
import { brokenToTell, type Column, type Table } from '../../kit/tables.ts';
import { fitOf, isCut, type Fit } from './cells.ts';
import type { RawRecord } from './records.ts';
import { instantText } from './times.ts';

/** Names beside a stream's own columns in a staged part; never given to a column. */
export const own = {
  ordinal: '_tidemark_ordinal',
  nulled: '_tidemark_nulled',
  gone: '_tidemark_gone',
} as const;

/** A column with the way into it. */
interface Slot {
  readonly column: Column;
  readonly fit: Fit;
}

/**
 * The lines of LOAD DATA for these records: own three columns, the fields', then _airbyte_raw_id, _airbyte_extracted_at and _airbyte_meta.
 * A value that does not fit its column is NULL, with an entry, and counted.
 */
export function rowLines(
  records: readonly RawRecord[],
  table: Table,
  firstOrdinal: number,
): Buffer {
  const told = brokenToTell(table);
  const row = {
    slots: table.columns.map((column): Slot => ({ column, fit: fitOf(column.type) })),
    told: told === null ? null : new Set(told),
    syncId: table.target.syncId,
  };
  return Buffer.from(records.map((record, i) => rowLine(record, firstOrdinal + i, row)).join(''));
}

function rowLine(
  record: RawRecord,
  ordinal: number,
  row: {
    readonly slots: readonly Slot[];
    readonly told: ReadonlySet<string> | null;
    readonly syncId: number;
  },
): string {
  const { fields, broken, changes } = record;
  const nulled = broken.filter((field) => row.told?.has(field) ?? true);
  const cut: string[] = [];
  let cells = '';
  for (const { column, fit } of row.slots) {
    const json = fields.get(column.field);
    const text = json === undefined || json === 'null' ? null : fit(json);
    if (json !== undefined && json !== 'null') {
      if (text === null) nulled.push(column.field);
      else if (isCut(column.type, json)) cut.push(column.field);
    }
    cells += `${cellText(text)}\t`;
  }
  const entries = [
    ...(changes === '' ? [] : [changes]),
    ...nulled.map((field) => entry(field, 'NULLED', typecastReason)),
    ...cut.map((field) => entry(field, 'TRUNCATED', truncatedReason)),
  ];
  const meta = `{"sync_id":${row.syncId},"changes":[${entries.join(',')}]}`;
  const gone = isGone(record) ? 1 : 0;
  return `${ordinal}\t${nulled.length}\t${gone}\t${cells}${randomUUID()}\t${cellText(emittedText(record))}\t${cellText(meta)}\n`;
}

const entry = (field: string, change: string, reason: string): string =>
  JSON.stringify({ field, change, reason });

/** True for a record that says that its row was deleted, also where the time it names is no use. */
function isGone({ fields, broken }: RawRecord): boolean {
  return (fields.get(deletedAtField) ?? 'null') !== 'null' || broken.includes(deletedAtField);
}

function emittedText({ emittedAt }: RawRecord): string | null {
  const ms = emittedAt === null || !/^-?\d/.test(emittedAt) ? NaN : Number(emittedAt);
  return Number.isFinite(ms) ? instantText(ms) : null;
}

const special = /[\\\t\n]/;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n' };

function cellText(text: string | null): string {
  if (text === null) return '\\N';
  return special.test(text) ? text.replace(/[\\\t\n]/g, (one) => escapes[one]!) : text;
}
