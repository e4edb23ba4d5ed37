import { randomUUID } from 'node:crypto';
import { typecastReason } from '../columns.ts';
import type { RecordText } from './records.ts';

/** Airbyte's four columns of a record, as JSON texts in their order. */
export type Stamps = readonly [string, string, string, string];

/** No later time is known to JavaScript, ms. */
const emittedAtMax = 8.64e15;

export function createStamper(target: {
  readonly generation: number;
  readonly syncId: number;
}): (record: RecordText) => Stamps {
  const plain = `{"sync_id":${target.syncId},"changes":[]}`;
  const generation = String(target.generation);
  // Records come in bursts of one time.
  let last = { emittedAt: '', text: 'null' };
  return ({ emittedAt, changes, nulled }) => {
    const given = emittedAt ?? '';
    if (given !== last.emittedAt) last = { emittedAt: given, text: timeText(given) };
    const all = [
      ...(changes === '' ? [] : [changes]),
      ...nulled.map((key) => `{"field":${key},"change":"NULLED","reason":"${typecastReason}"}`),
    ];
    const meta =
      all.length === 0 ? plain : `{"sync_id":${target.syncId},"changes":[${all.join(',')}]}`;
    return [`"${randomUUID()}"`, last.text, meta, generation];
  };
}

function timeText(emittedAt: string): string {
  const ms = emittedAt === '' ? NaN : Number(emittedAt);
  return Math.abs(ms) <= emittedAtMax ? `"${new Date(ms).toISOString()}"` : 'null';
}
