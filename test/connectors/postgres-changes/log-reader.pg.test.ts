import pg from 'pg';
import { readLog, type LogReader } from '../../../connectors/postgres/source/changes/log-reader.ts';
import { lsnText, parseLsn, type Lsn } from '../../../connectors/postgres/source/changes/lsn.ts';
import { parseSnapshot, saw } from '../../../connectors/postgres/source/changes/visibility.ts';
import type { Change } from '../../../connectors/postgres/source/changes/pgoutput.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
const readers: LogReader[] = [];
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  await untilFree();
  await database.drop();
});

const slot = (): string => `s_${new URL(database.url).pathname.slice(1)}`;

async function createSlot(): Promise<Lsn> {
  const [row] = await database.query<{ lsn: string }>(
    `SELECT lsn::text FROM pg_create_logical_replication_slot('${slot()}', 'pgoutput')`,
  );
  return parseLsn(row!.lsn)!;
}

async function open(from: Lsn): Promise<LogReader> {
  const client = new pg.Client({
    connectionString: database.url,
    replication: 'database',
  } as pg.ClientConfig);
  await client.connect();
  const reader = readLog(client, { slot: slot(), publication: 'p', from });
  readers.push(reader);
  return reader;
}

const isCommit = (change: Change): boolean => change.type === 'commit';

/** Changes up to the commit after which `count` were seen. */
async function transactions(reader: LogReader, count: number): Promise<Change[]> {
  const changes: Change[] = [];
  while (changes.filter(isCommit).length < count) {
    const received = await reader.next(10_000);
    if (received === null) throw new Error('No message came.');
    if (received.type === 'change') changes.push(received.change);
  }
  return changes;
}

const texts = (cells: readonly (Buffer | null | 'unchanged')[]): unknown[] =>
  cells.map((cell) => (Buffer.isBuffer(cell) ? cell.toString() : cell));

test('inserts, updates, deletes and truncates arrive as they were, in whole transactions', async () => {
  await database.query('CREATE TABLE t (id int PRIMARY KEY, name text, doc text)');
  await database.query('ALTER TABLE t ALTER doc SET STORAGE EXTERNAL');
  await database.query('CREATE PUBLICATION p FOR TABLE t');
  const from = await createSlot();
  const long = 'x'.repeat(10_000);
  await database.query(`INSERT INTO t VALUES (1, 'é "a"', NULL), (2, NULL, '${long}')`);
  await database.query(`UPDATE t SET name = 'b' WHERE id = 2; UPDATE t SET id = 3 WHERE id = 1`);
  await database.query('DELETE FROM t WHERE id = 3');
  await database.query('TRUNCATE t');
  const reader = await open(from);
  const changes = await transactions(reader, 4);
  const told = changes.map((change): unknown => {
    if (change.type === 'relation')
      return [change.relation.schema, change.relation.name, change.relation.identity];
    if (change.type === 'insert') return ['insert', ...texts(change.row)];
    if (change.type === 'update')
      return ['update', change.before && texts(change.before.cells), ...texts(change.row)];
    if (change.type === 'delete')
      return ['delete', change.before.isKeyOnly, ...texts(change.before.cells)];
    return change.type === 'truncate' ? ['truncate', change.relations.length] : change.type;
  });
  expect(told).toEqual([
    'begin',
    ['public', 't', 'd'],
    ['insert', '1', 'é "a"', null],
    ['insert', '2', null, long],
    ...['commit', 'begin'],
    ['update', null, '2', 'b', 'unchanged'],
    ['update', ['1', null, null], '3', 'é "a"', null],
    ...['commit', 'begin'],
    ['delete', true, '3', null, null],
    // Truncating makes a new file for the table, so it is described anew.
    ...['commit', 'begin'],
    ['public', 't', 'd'],
    ['truncate', 1],
    'commit',
  ]);
  const [{ pid }] = (await database.query(
    `SELECT active_pid AS pid FROM pg_replication_slots WHERE slot_name = '${slot()}'`,
  )) as [{ pid: number }];
  expect(reader.processId).toBe(pid);
});

test('what is confirmed is not sent again, all else is; a quiet server says how far it is', async () => {
  await database.query('CREATE TABLE t (id int PRIMARY KEY)');
  await database.query('CREATE PUBLICATION p FOR TABLE t');
  const from = await createSlot();
  for (const id of [1, 2, 3]) await database.query(`INSERT INTO t VALUES (${id})`);
  const ids = (changes: readonly Change[]): unknown[] =>
    changes.flatMap((change) => (change.type === 'insert' ? texts(change.row) : []));
  const ends = (changes: readonly Change[]): Lsn[] =>
    changes.flatMap((change) => (change.type === 'commit' ? [change.end] : []));

  const first = await open(from);
  const seen = await transactions(first, 3);
  expect(ids(seen)).toEqual(['1', '2', '3']);
  first.confirm(ends(seen)[1]!);
  const [{ lsn }] = (await untilConfirmed(ends(seen)[1]!)) as [{ lsn: string }];
  expect(lsn).toBe(lsnText(ends(seen)[1]!));
  first.close();
  await expect(first.next(10)).rejects.toThrow();
  await untilFree();

  const second = await open(ends(seen)[1]!);
  expect(ids(await transactions(second, 1))).toEqual(['3']);
  let idle: Lsn | null = null;
  while (idle === null || idle < ends(seen)[2]!) {
    const received = await second.next(10_000);
    if (received?.type === 'idle') idle = received.end;
  }
});

async function untilConfirmed(lsn: Lsn): Promise<readonly object[]> {
  for (;;) {
    const rows = await database.query(
      `SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = '${slot()}' AND confirmed_flush_lsn >= '${lsnText(lsn)}'`,
    );
    if (rows.length > 0) return rows;
  }
}

async function untilFree(): Promise<void> {
  for (;;) {
    const rows = await database.query(
      `SELECT FROM pg_replication_slots WHERE slot_name = '${slot()}' AND active`,
    );
    if (rows.length === 0) return;
  }
}

test('a server that can send no more says why', async () => {
  await database.query('CREATE PUBLICATION p');
  const reader = await open(0n);
  await expect(reader.next(10_000)).rejects.toMatchObject({ code: '42704' });
});

test('which transactions a snapshot saw, by what replication tells of them', async () => {
  await database.query('CREATE TABLE t (id int PRIMARY KEY)');
  await database.query('CREATE PUBLICATION p FOR TABLE t');
  const from = await createSlot();
  await database.query('INSERT INTO t VALUES (1)');
  // It runs while the snapshot is taken, and commits after it.
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  await other.query('BEGIN; INSERT INTO t VALUES (2)');
  const [row] = await database.query<{ snapshot: string }>(
    'SELECT pg_current_snapshot()::text AS snapshot',
  );
  await database.query('INSERT INTO t VALUES (3)');
  await other.query('COMMIT');
  await other.end();
  const snapshot = parseSnapshot(row!.snapshot)!;
  const changes = await transactions(await open(from), 3);
  let isSeen = false;
  const seen = changes.flatMap((change): unknown[] => {
    if (change.type === 'begin') isSeen = saw(snapshot, change.xid);
    return change.type === 'insert' ? [[...texts(change.row), isSeen]] : [];
  });
  expect(seen).toEqual([
    ['1', true],
    ['3', false],
    ['2', false],
  ]);
  // Numbers begin again after 2^32.
  const late = parseSnapshot('8589934594:8589934600:8589934596')!;
  expect([4_294_967_290, 1, 2, 4, 7, 8].map((xid) => saw(late, xid))).toEqual([
    ...[true, true, true, false, true, false],
  ]);
});
