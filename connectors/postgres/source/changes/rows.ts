import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError } from '../../../../protocol/index.ts';
import { quoteIdentifier } from '../../../kit/identifiers.ts';
import type { Session } from '../../session.ts';
import type { KnownRelation } from './relations.ts';
import type { Cell, Tuple } from './pgoutput.ts';
import { parseSnapshot, saw } from './visibility.ts';

/** A row after a change; of a deleted one what is known of it. */
export interface ChangedRow {
  readonly relation: KnownRelation;
  readonly cells: Tuple;
  /** Of the transaction that changed it. */
  readonly xid: number;
  /** What goes in beside its columns, JSON members: `"a":1`. */
  readonly more: string;
}

/** Rows as JSON objects, in their order. `session`: answers what the log leaves out. */
export async function jsonRows(
  session: Session,
  rows: readonly ChangedRow[],
): Promise<readonly Buffer[]> {
  const open = rows.map((row): OpenRow => ({ ...row, cells: [...row.cells], texts: [] }));
  await fetchUnchanged(session, open);
  for (const row of open) row.texts = row.cells.map((cell, i) => textOf(row.relation, cell, i));
  await askServer(session, open);
  return open.map(jsonOf);
}

interface OpenRow extends ChangedRow {
  readonly cells: Cell[];
  /** JSON by column; null: the row has none of it. */
  texts: (string | null)[];
}

function textOf({ values }: KnownRelation, cell: Cell, column: number): string | null {
  if (cell === null) return 'null';
  if (cell === 'unchanged') return null;
  return values[column]!.json?.(cell.toString()) ?? null;
}

function jsonOf({ relation, texts, more }: OpenRow): Buffer {
  const members = texts.flatMap((text, i) =>
    text === null ? [] : [`${relation.values[i]!.member}:${text}`],
  );
  return Buffer.from(`{${[...members, more].join(',')}}`);
}

/** A commit that waits for a standby is in the log, and not seen, until that answers. Invariant 7. */
const unseenMsMax = 60_000;
const lookMs = 10;

/** Rows per statement: values that are stored apart are large. Invariant 7. */
const fetchedMax = 200;

/**
 * Values that are stored apart and were not touched: the log does not hold them. They are taken from the table as it is now; where they have
 * changed since, the log tells that later, and so it does where the row is gone by now.
 */
async function fetchUnchanged(session: Session, rows: readonly OpenRow[]): Promise<void> {
  const open = rows.filter(({ cells }) => cells.includes('unchanged'));
  if (open.length === 0) return;
  await untilSeen(session, new Set(open.map(({ xid }) => xid)));
  const byTable = grouped(open, ({ relation }) => relation);
  for (const [relation, some] of byTable)
    for (let at = 0; at < some.length; at += fetchedMax)
      await fetchRows(session, relation, some.slice(at, at + fetchedMax));
}

/** Waits until these transactions are seen: a commit is in the log a little earlier than others see what it did. */
async function untilSeen(session: Session, xids: ReadonlySet<number>): Promise<void> {
  const until = performance.now() + unseenMsMax;
  for (;;) {
    const { rows } = await session.query('SELECT pg_current_snapshot()::text AS text');
    const snapshot = parseSnapshot(String(rows[0]!['text']))!;
    if ([...xids].every((xid) => saw(snapshot, xid))) return;
    if (performance.now() > until) throw unseen(session.place);
    await sleep(lookMs);
  }
}

function unseen(place: string): SyncError {
  return new SyncError('transient_error', 'What was committed at the source can’t be seen there.', {
    ...{ origin: 'source', place },
    remedy:
      'Look for a standby that commits wait for (synchronous_standby_names); the next attempt goes on from the last checkpoint.',
  });
}

async function fetchRows(
  session: Session,
  { schema, name, columns, values, key }: KnownRelation,
  rows: readonly OpenRow[],
): Promise<void> {
  const wanted = columns.flatMap((_, i) =>
    rows.some(({ cells }) => cells[i] === 'unchanged') ? [i] : [],
  );
  const column = (i: number): string => `t.${quoteIdentifier(columns[i]!.name)}`;
  const texts = wanted.map((i) => `${column(i)}::text AS c${i}`);
  const lists = key.map((_, n) => `$${n + 1}::text[]`);
  const names = key.map((_, n) => `k${n}`);
  const equal = key.map((i, n) => `${column(i)} = k.k${n}::${values[i]!.typeSql}`);
  const { rows: found } = await session.query(
    `SELECT k.n::int4 AS n, ${texts.join(', ')}
     FROM unnest(${lists.join(', ')}) WITH ORDINALITY AS k(${names.join(', ')}, n)
     JOIN ${quoteIdentifier(schema)}.${quoteIdentifier(name)} t ON ${equal.join(' AND ')}`,
    key.map((i) => rows.map(({ cells }) => String(cells[i]))),
  );
  for (const one of found) {
    const { cells } = rows[Number(one['n']) - 1]!;
    for (const i of wanted)
      if (cells[i] === 'unchanged') cells[i] = bytesOf(one[`c${i}`] as string | null);
  }
}

const bytesOf = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text));

/** Values per statement. Invariant 7. */
const askedMax = 10_000;

interface Asked {
  readonly row: OpenRow;
  readonly column: number;
  readonly text: string;
}

/** Values that only the server can make JSON of, type by type. */
async function askServer(session: Session, rows: readonly OpenRow[]): Promise<void> {
  const asked = rows.flatMap((row) =>
    row.cells.flatMap((cell, column): Asked[] =>
      Buffer.isBuffer(cell) && row.relation.values[column]!.json === null
        ? [{ row, column, text: cell.toString() }]
        : [],
    ),
  );
  const typeOf = ({ row, column }: Asked): string => row.relation.values[column]!.typeSql;
  for (const [typeSql, some] of grouped(asked, typeOf))
    for (let at = 0; at < some.length; at += askedMax)
      await askType(session, typeSql, some.slice(at, at + askedMax));
}

async function askType(session: Session, typeSql: string, asked: readonly Asked[]): Promise<void> {
  const value = typeSql === 'money' ? 'x::money::numeric' : `x::${typeSql}`;
  // Strings have their newlines escaped: those that are left stand between tokens.
  const { rows } = await session.query(
    `SELECT translate(to_json(${value})::text, E'\\n\\r', '  ') AS json FROM unnest($1::text[]) WITH ORDINALITY AS v(x, n) ORDER BY n`,
    [asked.map(({ text }) => text)],
  );
  for (const [i, { row, column }] of asked.entries())
    row.texts[column] = rows[i]!['json'] as string;
}

function grouped<K, V>(values: readonly V[], keyOf: (value: V) => K): ReadonlyMap<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return groups;
}
