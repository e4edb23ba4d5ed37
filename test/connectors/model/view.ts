import type { Harness, TextRow } from '../harness.ts';
import { keys } from './model.ts';

/** What anybody can read in the database. Rows as `id v fields`, sorted. */
export interface Seen {
  readonly log: readonly string[];
  readonly items: readonly string[];
  readonly full: readonly string[] | null;
  readonly stored: readonly {
    readonly scope: string;
    /** Edition, sync, attempt, seq: the order of checkpoints. */
    readonly rank: readonly number[];
    readonly cursor: number;
  }[];
}

export async function viewOf<C>(harness: Harness<C>): Promise<Seen> {
  const { schema } = harness;
  const query = (sql: string): Promise<readonly TextRow[]> => harness.query(sql);
  const found = await query(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = '${schema}'`,
  );
  const tables = new Set(found.map(({ name }) => name));
  // Of earlier generations nothing is left out of sight.
  expect([...tables].filter((name) => name?.startsWith('_tidemark_next_')).length).toBeLessThan(2);
  const rows = async (table: string): Promise<string[]> =>
    (await query(`SELECT * FROM "${schema}"."${table}"`)).map(rowText).sort();
  const ledger = await query(
    `SELECT scope, edition, checkpoint_sync_no AS sync, checkpoint_attempt_at AS attempt, seq, state
     FROM "${schema}"._tidemark_checkpoints WHERE committed_at IS NOT NULL ORDER BY scope`,
  );
  return {
    log: await rows('log'),
    items: await rows('items'),
    full: tables.has('full') ? await rows('full') : null,
    stored: ledger.map((row) => ({
      scope: row['scope']!,
      rank: ['edition', 'sync', 'attempt', 'seq'].map((name) => Number(row[name])),
      cursor: cursorIn(row['state']!),
    })),
  };
}

function rowText(row: TextRow): string {
  const { id, v } = row;
  const fields = ['f1', 'f2', 'f3', 'f4'].filter((name) => (row[name] ?? null) !== null);
  for (const name of fields) expect(row[name]).toBe(v);
  return `${id} ${v} ${fields.length}`;
}

function cursorIn(state: string): number {
  const parsed = JSON.parse(state) as {
    stream?: { stream_state?: { cursor?: number } };
  } | null;
  return parsed?.stream?.stream_state?.cursor ?? 0;
}

/** What must hold whatever the model says: told from the database alone, and from what it held a step before. */
export function checkInvariants(before: Seen | null, now: Seen, edited: ReadonlySet<string>): void {
  const cursor = now.stored.find(({ scope }) => scope === 'log')?.cursor ?? 0;
  const ids = now.log.map((row) => Number(row.split(' ')[0])).sort((a, b) => a - b);
  const due = Array.from({ length: cursor }, (_, i) => i + 1);
  // Invariant 1, and nothing twice; after a person had records read again, at least nothing is missing.
  if (edited.has('log')) expect(ids).toEqual(expect.arrayContaining(due));
  else expect(ids).toEqual(due);
  // Invariant 4.
  const upTo = now.stored.find(({ scope }) => scope === 'items')?.cursor ?? 0;
  const versions = now.items.map((row) => Number(row.split(' ')[1])).sort((a, b) => a - b);
  const last = Array.from({ length: Math.min(keys, upTo) }, (_, i) => upTo - i).reverse();
  if (!edited.has('items')) expect(versions).toEqual(last);
  // Invariant 2.
  for (const { scope, rank } of before?.stored ?? []) {
    const next = now.stored.find((one) => one.scope === scope);
    expect(compare(next?.rank ?? [], rank)).toBeGreaterThanOrEqual(0);
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((n, i) => n !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}
