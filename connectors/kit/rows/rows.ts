import { randomUUID } from 'node:crypto';
import { deletedAtField, truncatedReason, typecastReason } from '../columns.ts';
import { brokenToTell, type Column, type Table } from '../tables.ts';
import type { Fit } from './fit.ts';
import type { RawRecord } from './records.ts';
import { instantText } from './times.ts';

/** Names beside a stream's own columns in a staged part; never given to a column. */
export const own = {
  ordinal: '_tidemark_ordinal',
  nulled: '_tidemark_nulled',
  gone: '_tidemark_gone',
} as const;

/** How a system's columns take values. */
export interface CellTypes {
  readonly fitOf: (type: string) => Fit;
  /** Of a value that fits a column of this type: what is below the microsecond is gone. */
  readonly isCut: (type: string, json: string) => boolean;
}

/** A column with the way into it. */
interface Slot {
  readonly column: Column;
  readonly fit: Fit;
}

/**
 * The cells of a staged row, as text; null: no value. Own three columns, the fields', then _airbyte_raw_id, _airbyte_extracted_at and
 * _airbyte_meta. A value that does not fit its column is null, with an entry, and counted.
 */
export type Cells = readonly (string | null)[];

/** Makes the cells of a table's records. */
export function cellsOf(
  table: Table,
  { fitOf, isCut }: CellTypes,
): (record: RawRecord, ordinal: number) => Cells {
  const told = brokenToTell(table);
  const tells = told === null ? null : new Set(told);
  const slots = table.columns.map((column): Slot => ({ column, fit: fitOf(column.type) }));
  const emittedText = lastKept(emittedTextOf);
  return (record, ordinal) => {
    const { fields, broken, changes, emittedAt } = record;
    const nulled = broken.filter((field) => tells?.has(field) ?? true);
    const cut: string[] = [];
    const values: (string | null)[] = [];
    for (const { column, fit } of slots) {
      const json = fields.get(column.field);
      const isThere = json !== undefined && json !== 'null';
      const text = isThere ? fit(json) : null;
      if (isThere) {
        if (text === null) nulled.push(column.field);
        else if (isCut(column.type, json)) cut.push(column.field);
      }
      values.push(text);
    }
    const entries = [
      ...(changes === '' ? [] : [changes]),
      ...nulled.map((field) => entry(field, 'NULLED', typecastReason)),
      ...cut.map((field) => entry(field, 'TRUNCATED', truncatedReason)),
    ];
    const meta = `{"sync_id":${table.target.syncId},"changes":[${entries.join(',')}]}`;
    const gone = isGone(record) ? '1' : '0';
    return [
      ...[String(ordinal), String(nulled.length), gone],
      ...values,
      ...[randomUUID(), emittedText(emittedAt), meta],
    ];
  };
}

const entry = (field: string, change: string, reason: string): string =>
  JSON.stringify({ field, change, reason });

/** True for a record that says that its row was deleted, also where the time it names is no use. */
function isGone({ fields, broken }: RawRecord): boolean {
  return (fields.get(deletedAtField) ?? 'null') !== 'null' || broken.includes(deletedAtField);
}

/** Records that come together are mostly emitted at the same millisecond. */
function lastKept<A, B>(of: (key: A) => B): (key: A) => B {
  let last: { readonly key: A; readonly value: B } | null = null;
  return (key) => {
    if (last === null || last.key !== key) last = { key, value: of(key) };
    return last.value;
  };
}

function emittedTextOf(emittedAt: RawRecord['emittedAt']): string | null {
  const ms = emittedAt === null || !/^-?\d/.test(emittedAt) ? NaN : Number(emittedAt);
  return Number.isFinite(ms) ? instantText(ms) : null;
}
