import pg from 'pg';
import type { Session } from '../../../connectors/postgres/session.ts';
import { connectReader } from '../../../connectors/postgres/source/reader-session.ts';
import {
  followLog,
  type FollowOptions,
  type FollowedStream,
} from '../../../connectors/postgres/source/changes/follow.ts';
import { readLog, type LogReader } from '../../../connectors/postgres/source/changes/log-reader.ts';
import type { Lsn } from '../../../connectors/postgres/source/changes/lsn.ts';
import { createSlot } from '../../../connectors/postgres/source/changes/slot.ts';
import { parseSnapshot } from '../../../connectors/postgres/source/changes/visibility.ts';
import { streamId } from '../../../protocol/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { seeded } from '../../e2e/instants.ts';
import { failure, never } from '../harness.ts';

let database: TestDatabase;
let session: Session;
let reader: LogReader | null = null;
let from: Lsn;
const slot = (): string => `s_${new URL(database.url).pathname.slice(1)}`;

beforeEach(async () => {
  database = await testDatabase();
  session = await connectReader({ url: database.url }, never);
});
afterEach(async () => {
  reader?.close();
  await session.close();
  for (let active = 1; active > 0;)
    active = (
      await database.query(
        `SELECT FROM pg_replication_slots WHERE slot_name = '${slot()}' AND active`,
      )
    ).length;
  await database.drop();
});

async function publish(ddl: string): Promise<void> {
  await database.query(ddl);
  await database.query('CREATE PUBLICATION p FOR ALL TABLES');
  from = await createSlot(session, slot());
}

/** The value as JSON text by column. */
interface Sent {
  readonly stream: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly text: string;
}

const followed = (name: string, key: readonly string[]): FollowedStream => ({
  ...{ id: streamId({ name, namespace: 'public' }), descriptor: { name, namespace: 'public' } },
  ...{ key, part: { seen: null } },
});

/** All records up to where the log is now. */
async function follow(
  streams: readonly FollowedStream[],
  more: Partial<FollowOptions> = {},
): Promise<Sent[]> {
  const client = new pg.Client({
    connectionString: database.url,
    replication: 'database',
  } as pg.ClientConfig);
  await client.connect();
  await client.query(
    `SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'`,
  );
  const [{ target }] = (await database.query(
    "SELECT (pg_current_wal_flush_lsn() - pg_lsn('0/0'))::text AS target",
  )) as [{ target: string }];
  reader = readLog(client, { slot: slot(), publication: 'p', from });
  const sent: Sent[] = [];
  const log = followLog({
    ...{ reader, session, from, emittedAt: 1, onTruncate: 'fail' },
    ...{ log: () => undefined, came: () => undefined, isDue: () => false },
    streams: new Map(streams.map((one) => [one.id, one])),
    ...more,
  });
  for await (const { blocks, at } of log) {
    for (const block of blocks) {
      for (const line of Buffer.from(block.bytes).toString().split('\n').slice(0, -1)) {
        const { record } = JSON.parse(line) as { record: { stream: string; data: Sent['data'] } };
        const text = /"data":(.*),"emitted_at":1\}\}$/s.exec(line)![1]!;
        sent.push({ stream: record.stream, data: record.data, text });
      }
      block.release();
    }
    if (at !== null && at >= BigInt(target)) break;
  }
  return sent;
}

test('a table that follows the log is the table, whatever was done to it', async () => {
  await publish(
    'CREATE TABLE t (a int, b text, doc text, n numeric, PRIMARY KEY (a, b)); ALTER TABLE t ALTER doc SET STORAGE EXTERNAL',
  );
  const random = seeded(7);
  const pick = (n: number): number => Math.floor(random() * n);
  for (let i = 0; i < 300; i += 1) {
    const statements = Array.from({ length: 1 + pick(4) }, () => {
      const [a, b] = [pick(6), `'${'xyz'[pick(3)]!}'`];
      const doc = pick(2) === 0 ? 'NULL' : `repeat('${String(i % 10)}', 5000)`;
      return [
        `INSERT INTO t VALUES (${a}, ${b}, ${doc}, ${i}.50) ON CONFLICT (a, b) DO UPDATE SET doc = EXCLUDED.doc`,
        `UPDATE t SET n = n + 1 WHERE a = ${a}`,
        `UPDATE t SET b = b || '${i}' WHERE a = ${a} AND length(b) < 4 AND b LIKE 'x%'`,
        `DELETE FROM t WHERE a = ${a} AND b = ${b}`,
      ][pick(4)]!;
    });
    await database.query(
      `BEGIN; ${statements.join('; ')}; ${pick(5) === 0 ? 'ROLLBACK' : 'COMMIT'}`,
    );
  }
  const rows = new Map<string, Sent['data']>();
  for (const { data } of await follow([followed('t', ['a', 'b'])])) {
    const key = JSON.stringify([data['a'], data['b']]);
    if (data['_ab_cdc_deleted_at'] !== null) rows.delete(key);
    // What is put into a table as a whole row: what it lacks is gone.
    else rows.set(key, { a: data['a'], b: data['b'], doc: data['doc'], n: data['n'] });
  }
  const there = await database.query('SELECT a, b, doc, n::float8 AS n FROM t ORDER BY a, b');
  const kept = [...rows.entries()].sort(([x], [y]) => (x < y ? -1 : 1)).map(([, row]) => row);
  expect(there.length).toBeGreaterThan(3);
  expect(kept).toEqual(there);
});

test('values are the JSON that the server itself makes of them', async () => {
  await database.query(
    `CREATE DOMAIN whole AS int; CREATE TYPE mood AS ENUM ('sad', 'o"k'); CREATE TYPE pair AS (x int, "y z" text)`,
  );
  const values: readonly (readonly [string, string])[] = [
    ['int8', '9007199254740993'],
    ['numeric', '12345678901234567890123456789.0123456700'],
    ['numeric', `'NaN'`],
    ['float8', '1e300'],
    ['float8', `'-Infinity'`],
    ['float4', '0.1'],
    ['bool', 'false'],
    ['text', `E'a"\\\\\\n\\u0001\\té漢😀'`],
    ['varchar(9)', `''`],
    ['char(4)', `'a'`],
    ['json', `E'{"a": 1.0,\\n "b": [1e400]}'`],
    ['jsonb', `'{"a": 1.0, "b": null}'`],
    ['date', `'2024-02-29'`],
    ['date', `'0044-03-15 BC'`],
    ['date', `'infinity'`],
    ['timestamp', `'2024-02-29 12:34:56.789'`],
    ['timestamp', `'0044-03-15 01:02:03 BC'`],
    ['timestamptz', `'2024-02-29 12:34:56.789+05:30'`],
    ['timestamptz', `'0044-03-15 01:02:03+00 BC'`],
    ['timestamptz', `'-infinity'`],
    ['time', `'12:34:56.789'`],
    ['timetz', `'12:34:56+05:30'`],
    ['interval', `'1 year 2 days 03:04:05.6'`],
    ['uuid', `'00000000-0000-0000-0000-000000000001'`],
    ['inet', `'10.0.0.1/8'`],
    ['bit(5)', `'10101'`],
    ['int4range', `'[1,5)'`],
    ['whole', '7'],
    ['mood', `'o"k'`],
    ['pair', `ROW(1, 'a b')`],
    ['int[]', `'{{1,2},{3,NULL}}'`],
    ['text[]', `ARRAY['a"b', NULL, 'c,d', '']`],
    ['timestamptz[]', `ARRAY['2024-02-29 12:34:56+00'::timestamptz]`],
    ['pair[]', `ARRAY[ROW(1, 'a')::pair]`],
    ['point', `'(1,2)'`],
    ['xml', `'<a>b</a>'`],
    ['oid', '4294967295'],
  ];
  const columns = values.map(([type], i) => `c${i} ${type}`);
  await publish(
    `CREATE TABLE t (id int PRIMARY KEY, ${columns.join(', ')}, raw bytea, cash money)`,
  );
  const list = values.map(([, value]) => value).join(', ');
  await database.query(
    `INSERT INTO t VALUES (1, ${list}, '\\x00ff0a', 1234.5); INSERT INTO t (id) VALUES (2)`,
  );
  const sent = await follow([followed('t', ['id'])]);
  const own = `translate(encode(raw, 'base64'), E'\\n', '') AS raw, cash::numeric AS cash`;
  const others = [
    'id',
    ...values.map(([type], i) => (type === 'oid' ? `c${i}::int8 AS c${i}` : `c${i}`)),
  ];
  const { rows } = await session.query(
    `SELECT translate(row_to_json(r)::text, E'\\n', ' ') AS json FROM (SELECT ${others.join(', ')}, ${own} FROM t ORDER BY id) r`,
  );
  const cut = ({ text }: Sent): string => text.replace(/,"_ab_cdc_lsn".*$/, '}');
  expect(sent.map(cut)).toEqual(rows.map(({ json }) => json));
  expect(sent[0]!.data).toMatchObject({
    _ab_cdc_deleted_at: null,
    _ab_cdc_lsn: expect.any(Number),
    _ab_cdc_updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
  });
});

test('what was read of the table already does not come again; what came meanwhile does', async () => {
  await publish('CREATE TABLE t (id int PRIMARY KEY)');
  await database.query('INSERT INTO t VALUES (1)');
  const [row] = await database.query<{ text: string }>(
    'SELECT pg_current_snapshot()::text AS text',
  );
  const [now] = await database.query<{ lsn: string }>(
    `SELECT (pg_current_wal_insert_lsn() - '0/0')::text AS lsn`,
  );
  await database.query('INSERT INTO t VALUES (2)');
  const { text } = row!;
  const snapshot = parseSnapshot(text)!;
  const stream = followed('t', ['id']);
  stream.part = { seen: { snapshot, text, until: BigInt(now!.lsn) } };
  expect((await follow([stream])).map(({ data }) => data['id'])).toEqual([2]);
});

test('what the server sends is a sign of life, also where no record comes of it', async () => {
  await publish('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)');
  await database.query('INSERT INTO other SELECT generate_series(1, 5000)');
  let came = 0;
  expect(await follow([followed('t', ['id'])], { came: () => (came += 1) })).toEqual([]);
  expect(came).toBeGreaterThan(5_000);
});

test('a truncated table ends its stream, or keeps its rows if told so; a deleted row must say which it was', async () => {
  await publish(
    'CREATE TABLE t (id int PRIMARY KEY, other int NOT NULL UNIQUE); INSERT INTO t VALUES (1, 1)',
  );
  await database.query('TRUNCATE t');
  await database.query('INSERT INTO t VALUES (2, 2)');
  const refused = await failure(follow([followed('t', ['id'])]));
  expect(refused).toMatchObject({ kind: 'config_error', stream: 'public/t' });
  expect(refused.remedy).toMatch(/tidemark refresh/);
  reader!.close();
  const logged: string[] = [];
  const log = (text: string): void => void logged.push(text);
  const kept = await follow([followed('t', ['id'])], { onTruncate: 'ignore', log });
  expect(kept.map(({ data }) => data['id'])).toEqual([2]);
  expect(logged).toEqual([expect.stringContaining('public/t was truncated')]);
  reader!.close();
  await database.query('DELETE FROM t');
  const unknown = await failure(
    follow([followed('t', ['other'])], { onTruncate: 'ignore', log: () => undefined }),
  );
  expect(unknown).toMatchObject({ kind: 'config_error', place: expect.stringContaining('other') });
});

test('columns that come and go meanwhile: each row has those that it had', async () => {
  await publish('CREATE TABLE t (id int PRIMARY KEY, old text)');
  await database.query(`INSERT INTO t VALUES (1, 'a')`);
  await database.query('ALTER TABLE t ADD COLUMN fresh int DEFAULT 5');
  await database.query(`INSERT INTO t VALUES (2, 'b', 6)`);
  await database.query('ALTER TABLE t DROP COLUMN old');
  await database.query('INSERT INTO t VALUES (3, 7)');
  const sent = await follow([followed('t', ['id'])]);
  const own = sent.map(({ data }) =>
    Object.fromEntries(Object.entries(data).filter(([name]) => !name.startsWith('_ab_'))),
  );
  expect(own).toEqual([
    { id: 1, old: 'a' },
    { id: 2, old: 'b', fresh: 6 },
    { id: 3, fresh: 7 },
  ]);
});
