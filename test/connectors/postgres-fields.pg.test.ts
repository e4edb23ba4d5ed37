import fc from 'fast-check';
import pg from 'pg';
import type { PostgresConfig } from '../../connectors/postgres/destination/config.ts';
import {
  copyTextFieldsMax,
  partId,
  streamId,
  type Block,
  type ConfiguredStream,
  type JsonObject,
} from '../../protocol/index.ts';
import {
  block,
  checkpoint,
  epoch,
  failure,
  never,
  Sessions,
  stream,
  type Harness,
} from './harness.ts';
import { createPostgres } from './postgres-harness.ts';
import { landed, move } from './postgres-moves.ts';
import { openPostgresPlace, sorted, type PostgresPlace } from './postgres-source-harness.ts';

const properties: JsonObject = {
  id: { type: ['null', 'integer'] },
  name: { type: ['null', 'string'] },
  price: { type: ['null', 'number'] },
  _ab_cdc_deleted_at: { type: ['null', 'string'] },
};
const orders = streamId({ name: 'orders' });

type Cells = readonly (string | null)[];
const emittedAt = '1700000000123';
const rowOf = (cells: Cells): string => `${cells.map((cell) => cell ?? '\\N').join('\t')}\n`;
function textBlock(text: string | Buffer, records: number): Block {
  const bytes = new Uint8Array(Buffer.from(text));
  return {
    ...{ type: 'BLOCK', stream: orders, encoding: 'pg-copy-text', records, bytes },
    release: () => undefined,
  };
}

describe('a destination that takes fields', () => {
  let harness: Harness<PostgresConfig>;
  let sessions: Sessions<PostgresConfig>;
  beforeAll(async () => {
    harness = await createPostgres();
  });
  beforeEach(() => {
    sessions = new Sessions(harness);
  });
  afterEach(() => sessions.close());
  afterAll(() => harness.drop());

  let syncNo = 0;
  const open = (more: Partial<ConfiguredStream> = {}) =>
    sessions.open({
      epoch: epoch((syncNo += 1)),
      streams: [
        stream('orders', 'append_dedup', {
          stream: { name: 'orders', json_schema: { properties } },
          ...more,
        }),
      ],
    });
  const at = () => checkpoint('orders', syncNo, syncNo, { epoch: epoch(syncNo) });

  // Invariant 4: which encoding a record came in says nothing of its place.
  test('records of both encodings in one part keep their order, in a hurry and carefully, up to the last state', async () => {
    const record = fc.record({
      ...{ id: fc.nat(4), isGone: fc.boolean(), isText: fc.boolean() },
      price: fc.constantFrom('1.5', '2', 'NaN', null),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 12 }),
        fc.array(record, { maxLength: 4 }),
        async (covered, lost) => {
          const { loader } = await open();
          await harness.query('TRUNCATE orders');
          const part = await loader.part(orders, partId(epoch(syncNo), 1));
          const put = async (
            { id, isGone, isText, price }: (typeof covered)[number],
            n: number,
          ): Promise<void> => {
            const cells = [String(id), `n${n}`, price, isGone ? '2024-01-01T00:00:00Z' : null];
            const [i, name, cost, gone] = cells.map((cell) =>
              cell === null || cell === price
                ? cell === 'NaN'
                  ? '"NaN"'
                  : cell
                : JSON.stringify(cell),
            );
            const given = isText
              ? textBlock(rowOf([...cells, emittedAt]), 1)
              : block('orders', [
                  `{"id":${JSON.parse(i!)},"name":${name},"price":${cost},"_ab_cdc_deleted_at":${gone}}`,
                ]);
            await part.append(given, never);
            given.bytes.fill(0x23);
          };
          for (const [n, one] of covered.entries()) await put(one, n);
          part.cover();
          for (const [n, one] of lost.entries()) await put(one, covered.length + n);
          const sealed = await part.seal();
          expect(sealed.records).toBe(covered.length);
          const receipt = await loader.commit([sealed], [at()], never);
          await loader.close();

          const last = new Map(covered.map((one, n) => [one.id, { ...one, n }]));
          const expected = [...last.values()]
            .filter(({ isGone }) => !isGone)
            .map(
              ({ id, price, n }) =>
                `${id} n${n} ${price === 'NaN' ? null : price} ${price === 'NaN'}`,
            );
          const rows = await harness.query(
            `SELECT id || ' ' || name || ' ' || coalesce(price::text, 'null') || ' ' || (_airbyte_meta->'changes' <> '[]')::text AS row FROM orders`,
          );
          expect(sorted(rows.map(({ row }) => row!))).toEqual(sorted(expected));
          expect(receipt).toEqual({
            rows: { orders: covered.length },
            nulled: { orders: covered.filter(({ price }) => price === 'NaN').length },
          });
        },
      ),
      { numRuns: 25 },
    );
  });

  const good = rowOf(['1', 'a', '1', null, emittedAt]);
  // Invariant 6.
  test.each([
    ['a field too few', rowOf(['2', 'b', null, emittedAt]), 1, 'not one that Postgres can read'],
    ['a field too many', rowOf(['2', 'b', '1', null, 'x', emittedAt]), 1, 'not one that'],
    ['no time', rowOf(['2', 'b', '1', null, null]), 1, 'records'],
    ['a time that is none', rowOf(['2', 'b', '1', null, 'now']), 1, 'not one that'],
    ['fewer rows than were said', rowOf(['2', 'b', '1', null, emittedAt]), 2, 'records it says'],
    [
      'text that is no UTF-8',
      Buffer.from('2\t\xff\t1\t\\N\t1700000000123\n', 'latin1'),
      1,
      'not one that',
    ],
    ['an end in between', '\\.\n', 1, 'records it says'],
  ])('rows with %s fail, and nothing of them is there', async (_, text, records, message) => {
    const { loader } = await open({ destination_sync_mode: 'append' });
    const before = await harness.query('SELECT count(*) AS n FROM orders');
    const part = await loader.part(orders, partId(epoch(syncNo), 1));
    await part.append(textBlock(good, 1), never);
    await part.append(textBlock(text, records), never);
    part.cover();
    const error = await failure(
      part.seal().then((sealed) => loader.commit([sealed], [at()], never)),
    );
    expect(error.kind).toBe('system_error');
    expect(error.message).toContain(message);
    expect(await harness.query('SELECT count(*) AS n FROM orders')).toEqual(before);
  });

  test('columns that the rows have no field for are empty, and a field without a column is no trouble', async () => {
    const { load } = await open({ destination_sync_mode: 'append' });
    await load('orders', ['{"id":70,"brought":1}'], at());
    await harness.query('ALTER TABLE orders DROP COLUMN price');
    const frozen = { destination_sync_mode: 'append', landing: { frozen: true } } as const;
    const { loader } = await open(frozen);
    const part = await loader.part(orders, partId(epoch(syncNo), 1));
    await part.append(textBlock(rowOf(['71', 'a', 'NaN', null, emittedAt]), 1), never);
    part.cover();
    await loader.commit([await part.seal()], [at()], never);
    expect(
      await harness.query(
        `SELECT id, name, brought, _airbyte_meta->>'changes' AS changes, extract(epoch FROM _airbyte_extracted_at) AS at FROM orders WHERE id >= 70 ORDER BY id`,
      ),
    ).toEqual([
      { id: '70', name: null, brought: '1', changes: '[]', at: '1700000000.123000' },
      { id: '71', name: 'a', brought: null, changes: '[]', at: '1700000000.123000' },
    ]);
  });
});

describe('a source that gives fields', () => {
  let place: PostgresPlace;
  beforeEach(async () => {
    place = await openPostgresPlace();
    await place.sql('CREATE SCHEMA here');
  });
  afterEach(() => place.database.drop());
  const ids = async (table = 't'): Promise<unknown[]> =>
    (await place.sql(`SELECT id::int FROM fields.${table} ORDER BY id`)).map(({ id }) => id);
  const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

  test('gives them of tables, partitions and views, whatever their columns are called and in the order of the schema', async () => {
    await place.sql(
      `CREATE TABLE here.t (id int, "10" text, "2" text, "__proto__" text, "f0" text, "_tidemark_data" int, "ctid " int)`,
    );
    await place.sql(
      `INSERT INTO here.t SELECT i, 'ten', 'two', 'proto', 'f', i, 7 FROM generate_series(1, 3) i`,
    );
    await place.sql(
      `CREATE TABLE here.p (id int, note text) PARTITION BY RANGE (id); CREATE TABLE here.p1 PARTITION OF here.p FOR VALUES FROM (0) TO (3); CREATE TABLE here.p2 PARTITION OF here.p DEFAULT`,
    );
    await place.sql(
      `INSERT INTO here.p SELECT i, 'x' FROM generate_series(1, 5) i; CREATE VIEW here.v AS SELECT * FROM here.t`,
    );
    const configured = (one: ConfiguredStream): ConfiguredStream => {
      const given = Object.entries(one.stream.json_schema['properties'] as JsonObject);
      return {
        ...one,
        stream: { ...one.stream, json_schema: { properties: Object.fromEntries(given.reverse()) } },
      };
    };
    const moved = await move(place, 'fields', { configured });
    expect(moved).toEqual({ encodings: ['pg-copy-text'], nulled: 0 });
    await move(place, 'json', { configured });
    for (const [table, rows] of [
      ['t', 4],
      ['p', 6],
      ['v', 4],
    ] as const) {
      expect(await landed(place, 'fields', table)).toEqual(await landed(place, 'json', table));
      expect(await landed(place, 'fields', table)).toHaveLength(rows);
    }
  });

  test('gives records where a table is wider than fields may be or a column is not as the schema says', async () => {
    const wide = (n: number): string =>
      upTo(n)
        .map((i) => `c${i} timestamptz DEFAULT '2024-01-01 12:34:56.789012Z'`)
        .join(', ');
    await place.sql(
      `CREATE TABLE here.t (${wide(copyTextFieldsMax)}); INSERT INTO here.t VALUES (now())`,
    );
    expect(await move(place, 'fields')).toEqual({ encodings: ['pg-copy-text'], nulled: 0 });
    await place.sql(
      `DROP TABLE here.t; CREATE TABLE here.t2 (${wide(copyTextFieldsMax + 1)}); INSERT INTO here.t2 VALUES (now())`,
    );
    expect(await move(place, 'fields', { syncNo: 2 })).toEqual({ encodings: ['jsonl'], nulled: 0 });

    await place.sql(
      `DROP TABLE here.t2; CREATE TABLE here.t3 (id text, note text); INSERT INTO here.t3 VALUES ('1', 'a'), ('x', 'b')`,
    );
    const older = (one: ConfiguredStream): ConfiguredStream => ({
      ...one,
      stream: {
        ...one.stream,
        json_schema: {
          properties: { id: { type: ['null', 'integer'] }, note: { type: ['null', 'string'] } },
        },
      },
    });
    const moved = await move(place, 'fields', { syncNo: 3, configured: older });
    expect(moved).toEqual({ encodings: ['jsonl'], nulled: 1 });
  });

  test('goes on where it was killed, beside a transaction that is open: each row comes once', async () => {
    await place.sql(`CREATE TABLE here.t (id int, pad text) WITH (autovacuum_enabled = off)`);
    const open = new pg.Client({ connectionString: place.database.url });
    await open.connect();
    await open.query(`BEGIN; INSERT INTO here.t VALUES (1001, E'in\\tthe transaction')`);
    for (let i = 0; i < 3; i += 1)
      await place.sql(
        `INSERT INTO here.t SELECT i, repeat(E'\\t', 100) FROM generate_series(${i * 100 + 1}, ${i * 100 + 100}) i`,
      );
    const options = { config: { checkpoint_pages: 1 }, often: true };
    await move(place, 'fields', { ...options, statesMax: 3 });
    const [half] = await place.sql('SELECT count(*)::int AS n FROM fields.t');
    expect(half!['n']).toBeGreaterThan(50);
    await open.query('COMMIT');
    await open.end();
    await move(place, 'fields', { ...options, attempt: 2 });
    expect(await ids()).toEqual([...upTo(300), 1001]);
  });

  test('a load that is resumed and what came meanwhile, by a cursor, are one part: the newest of each key is there', async () => {
    await place.sql(
      `CREATE TABLE here.t (id int PRIMARY KEY, seq int, note text); INSERT INTO here.t SELECT i, i, repeat('x', 100) FROM generate_series(1, 300) i`,
    );
    const options = {
      config: { checkpoint_pages: 1 },
      configured: (one: ConfiguredStream): ConfiguredStream => ({
        ...one,
        ...{ sync_mode: 'incremental', cursor_field: ['seq'] },
        ...{ destination_sync_mode: 'append_dedup', primary_key: [['id']] },
      }),
    };
    await move(place, 'fields', { ...options, often: true, statesMax: 2 });
    await place.sql(`UPDATE here.t SET seq = 1000 + id, note = 'new' WHERE id % 3 = 0`);
    const { encodings } = await move(place, 'fields', { ...options, attempt: 2 });
    expect(encodings).toEqual(['pg-copy-text', 'jsonl']);
    const differing = `SELECT id, seq, note FROM here.t EXCEPT SELECT id, seq, note FROM fields.t`;
    expect(await place.sql(differing)).toEqual([]);
    expect(await ids()).toEqual(upTo(300));
  });

  test('the first load of change data capture comes as fields, its changes as records', async () => {
    await place.sql(
      `CREATE TABLE here.t (id int PRIMARY KEY, note text, doc jsonb); CREATE PUBLICATION tidemark FOR TABLE here.t`,
    );
    await place.sql(`INSERT INTO here.t SELECT i, 'x', '{"a": 1}' FROM generate_series(1, 50) i`);
    const slot = `s_${new URL(place.database.url).pathname.slice(1)}`;
    const options = {
      config: { cdc: { slot } },
      configured: (one: ConfiguredStream): ConfiguredStream => ({
        ...one,
        ...{ sync_mode: 'incremental', cursor_field: ['_ab_cdc_lsn'] },
        ...{ destination_sync_mode: 'append_dedup', primary_key: [['id']] },
      }),
      streams: ['t'],
    };
    expect(await move(place, 'fields', options)).toEqual({
      encodings: ['pg-copy-text'],
      nulled: 0,
    });
    const [first] = await place.sql(
      `SELECT count(*)::int AS n, count(_ab_cdc_lsn)::int AS lsn, count(_ab_cdc_updated_at)::int AS at, count(_ab_cdc_deleted_at)::int AS gone FROM fields.t`,
    );
    expect(first).toEqual({ n: 50, lsn: 50, at: 50, gone: 0 });
    await place.sql(`DELETE FROM here.t WHERE id > 40; UPDATE here.t SET note = 'y' WHERE id < 5`);
    const next = await move(place, 'fields', { ...options, syncNo: 2 });
    expect(next.encodings).toEqual(['jsonl']);
    const differing = `SELECT id, note, doc FROM here.t EXCEPT SELECT id, note, doc FROM fields.t`;
    expect(await place.sql(differing)).toEqual([]);
    expect(await ids()).toEqual(upTo(40));
    await place.sql(`SELECT pg_drop_replication_slot('${slot}')`);
  });
});
