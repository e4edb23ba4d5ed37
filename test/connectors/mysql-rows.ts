import type { MysqlConfig } from '../../connectors/mysql/index.ts';
import { StagedTable } from '../../connectors/mysql/destination/part.ts';
import { recordsOf } from '../../connectors/kit/rows/records.ts';
import { Session as MysqlSession } from '../../connectors/mysql/destination/session.ts';
import type { Table } from '../../connectors/kit/tables.ts';
import type { Target } from '../../connectors/kit/targets.ts';
import { partId, streamId, type ConfiguredStream } from '../../protocol/index.ts';
import type { MysqlFlavour } from '../support/mysql-server.ts';
import {
  block,
  checkpoint,
  epoch,
  failure,
  never,
  Sessions,
  stream,
  type Session,
} from './harness.ts';
import { createMysql, type MysqlHarness } from './mysql-harness.ts';

/** What becomes of rows in their columns and keys. */
export function rowSuite(name: string, flavour: MysqlFlavour): void {
  describe(`rows in ${name}`, () => {
    let harness: MysqlHarness;
    let sessions: Sessions<MysqlConfig>;
    beforeEach(async () => {
      harness = await createMysql(flavour);
      sessions = new Sessions(harness);
    });
    afterEach(async () => {
      await sessions.close();
      await harness.drop();
    });
    const query: MysqlHarness['query'] = (sql) => harness.query(sql);
    let seq = 0;
    const at = () => checkpoint('orders', (seq += 1), seq);
    const values = async (column: string): Promise<unknown[]> =>
      (await query(`SELECT ${column} AS v FROM orders ORDER BY name`)).map((row) => row['v']);
    const typeOf = async (column: string): Promise<unknown> =>
      (
        await query(
          `SELECT column_type AS t FROM information_schema.columns WHERE table_schema = '${harness.schema}' AND table_name = 'orders' AND column_name = '${column}'`,
        )
      )[0]!['t'];
    const row = (name: string, more: string): string => `{"name":"${name}",${more}}`;

    test('a column of integers is made wider for one past 64 bits', async () => {
      const { load } = await sessions.open();
      await load('orders', [row('a', '"id":9223372036854775807')], at());
      const receipt = await load('orders', [row('b', '"id":-9223372036854775809')], at());
      expect(receipt.nulled).toEqual({ orders: 0 });
      expect(await values('id')).toEqual(['9223372036854775807', '-9223372036854775809']);
      expect(await typeOf('id')).toBe('decimal(65,0)');
    });

    test('a column of doubles becomes one of decimals for a number that a double would round', async () => {
      const { load } = await sessions.open();
      await load('orders', [row('a', '"price":0.1'), row('b', '"price":-1.5e-7')], at());
      const exact = '1234567890.12345678901234567890';
      await load('orders', [row('c', `"price":${exact}`)], at());
      expect(await values('price')).toEqual([
        '0.1',
        '-0.00000015',
        '1234567890.1234567890123456789',
      ]);
      await load('orders', [row('d', '"price":1e30'), row('e', '"price":1e-20')], at());
      expect((await values('price')).slice(3)).toEqual([
        `1${'0'.repeat(30)}`,
        `0.${'0'.repeat(19)}1`,
      ]);
    });

    test('doubles that no decimal holds keep their column: what they would lose is NULL, counted', async () => {
      const { load, sealed, loader } = await sessions.open();
      await load('orders', [row('a', '"price":1e300')], at());
      const one = await load('orders', [row('b', '"price":0.12345678901234567890')], at());
      expect(one.nulled).toEqual({ orders: 1 });
      expect(await values('price')).toEqual(['1e300', null]);
      expect(await typeOf('price')).toBe('double');
      // The same where the first waits in a part.
      await query('UPDATE orders SET price = 5');
      const parts = [
        await sealed('orders', [row('c', '"price":1e-300')]),
        await sealed('orders', [row('d', '"price":0.12345678901234567890')]),
      ];
      const both = await loader.commit(parts, [at()], never);
      expect(both.nulled).toEqual({ orders: 1 });
      expect(await values('price')).toEqual(['5', '5', '1e-300', null]);
    });

    test('a part that waits is written to a column that was made wider meanwhile', async () => {
      const { sealed, loader } = await sessions.open();
      const parts = [
        await sealed('orders', [row('a', '"price":0.5,"id":1')]),
        await sealed('orders', [
          row('b', '"price":0.12345678901234567890,"id":18446744073709551616'),
        ]),
      ];
      const receipt = await loader.commit(parts, [at()], never);
      expect(receipt).toEqual({ rows: { orders: 2 }, nulled: { orders: 0 } });
      expect(await values('price')).toEqual(['0.5', '0.1234567890123456789']);
    });

    const keyed = (key: readonly string[]): ConfiguredStream[] => [
      stream('orders', 'append_dedup', { primary_key: key.map((field) => [field]) }),
    ];
    const keys = async (): Promise<string[]> =>
      (await query('SELECT name FROM orders')).map((one) => one['name']!).toSorted();
    const loadTwice = async ({ load }: Session, names: readonly string[]): Promise<void> => {
      const data = names.map((one) => JSON.stringify({ name: one, id: 1 }));
      await load('orders', [...data, ...data], at());
      await load('orders', data, at());
    };

    test('keys of text are told apart to the letter: case, accents, spaces at the end', async () => {
      const names = ['a', 'A', 'a ', 'a  ', 'ä', 'a\u0308', 'ß', 'ss', '', ' ', '😀', 'a\0', 'a\t'];
      await loadTwice(await sessions.open({ streams: keyed(['name']) }), names);
      expect(await keys()).toEqual(names.toSorted());
    });

    test('keys may be longer than an index has room for, and have many fields', async () => {
      const long = 'x'.repeat(5_000);
      const names = [`${long}1`, `${long}2`, long];
      await loadTwice(await sessions.open({ streams: keyed(['name']) }), names);
      expect(await keys()).toEqual(names.toSorted());
      const alike = Array.from({ length: 1_000 }, (_, i) => `${'y'.repeat(1_100)}${i}`);
      await loadTwice(
        await sessions.open({ streams: keyed(['name']), epoch: epoch(1, 2000) }),
        alike,
      );
      expect(await query('SELECT count(*) AS n FROM orders')).toEqual([{ n: '1003' }]);
      const many = ['name', 'local', 'k1', 'k2', 'k3', 'id', 'price', 'ok', 'big'];
      const { load } = await sessions.open({
        streams: [{ ...keyed(many)[0]!, stream: { ...stream('wide').stream, name: 'wide' } }],
        epoch: epoch(2),
      });
      const data =
        '{"name":"a","local":"2024-01-01T00:00:00","k1":"x","k2":"y","k3":"z","id":1,"price":0.1,"ok":true,"big":7}';
      await load('wide', [data, data], checkpoint('wide', 1, 1, { epoch: epoch(2) }));
      await load('wide', [data], checkpoint('wide', 2, 2, { epoch: epoch(2) }));
      expect(await query('SELECT count(*) AS n FROM wide')).toEqual([{ n: '1' }]);
    });

    test('keys of other types are told apart by value', async () => {
      const session = await sessions.open({ streams: keyed(['price', 'seen_at']) });
      await session.load(
        'orders',
        [
          '{"price":1.50,"seen_at":"2024-03-01T12:00:00Z","name":"a"}',
          '{"price":"1.5","seen_at":"2024-03-01T14:00:00+02:00","name":"b"}',
          '{"price":15e-1,"seen_at":"2024-03-01T12:00:00.000001Z","name":"c"}',
        ],
        at(),
      );
      expect(await keys()).toEqual(['b', 'c']);
    });

    test('an altered column keeps its type: what it would cut or round does not fit', async () => {
      await sessions.open();
      await query(
        `ALTER TABLE orders MODIFY name varchar(3) COLLATE utf8mb4_bin, MODIFY price decimal(6,2), MODIFY id smallint unsigned,
           MODIFY seen_at datetime(3) COMMENT 'UTC', MODIFY clock year`,
      );
      const next = await sessions.open({ epoch: epoch(2) });
      const receipt = await next.load(
        'orders',
        [
          '{"big":1,"name":"abc","price":1.50,"id":65535,"seen_at":"2024-01-01T00:00:00.123Z"}',
          '{"big":2,"name":"äöü😀","price":1.005,"id":-1,"seen_at":"2024-01-01T00:00:00.1234Z","clock":"10:00:00"}',
        ],
        checkpoint('orders', 1, 1, { epoch: epoch(2) }),
      );
      expect(receipt.nulled).toEqual({ orders: 5 });
      const found = await query('SELECT name, price, id, seen_at, clock FROM orders ORDER BY big');
      expect(found.map((one) => Object.values(one))).toEqual([
        ['abc', '1.5', '65535', '2024-01-01 00:00:00.123+00', null],
        [null, null, null, null, null],
      ]);
    });

    test('what the server takes differently than it was sent is a failure, as is a record too few', async () => {
      const session = await MysqlSession.connect(harness.config, never);
      const staged = new StagedTable(session, streamId({ name: 'orders' }), 'tidemark_part_1');
      const tableOf = (type: string): Table => ({
        target: { only: null, syncId: 1 } as Target,
        sql: '',
        columns: [{ field: 'name', name: 'name', type }],
      });
      const records = recordsOf(block('orders', [row('abc', '"id":1')]).bytes, staged.stream);
      await staged.follow(tableOf('varchar(2)'));
      // Judged by another type than the column has.
      const cut = await failure(staged.load(records, tableOf('longtext'), 0));
      expect(cut).toMatchObject({ code: 'counts_disagree', facts: { warnings: '1265' } });
      const twice = await failure(staged.load([...records, ...records], tableOf('varchar(2)'), 0));
      expect(twice).toMatchObject({ code: 'counts_disagree', facts: { given: 2, loaded: 1 } });
      await session.close();
      const { loader } = await sessions.open();
      const part = await loader.part(staged.stream, partId(epoch(1), 1));
      await part.append({ ...block('orders', [row('a', '"id":1')]), records: 2 }, never);
      part.cover();
      expect(await failure(part.seal())).toMatchObject({ facts: { said: 2, found: 1 } });
    });

    test('streams and fields whose names the server has not get others, and keep them', async () => {
      const named = (name: string) => stream(name);
      const streams = [named('😀 orders'), named('ends in a space '), named('_tidemark_sessions')];
      const first = await sessions.open({ streams });
      for (const [i, one] of streams.entries())
        await first.load(
          one.stream.name,
          [`{"id":${i},"😀":"x","y ":"z"}`],
          checkpoint(one.stream.name, 1, 1),
        );
      const tables = await query('SHOW TABLES');
      const again = await sessions.open({ streams: streams.toReversed(), epoch: epoch(2) });
      for (const one of streams)
        await again.load(
          one.stream.name,
          ['{"id":9,"y ":"z","😀":"x"}'],
          checkpoint(one.stream.name, 1, 2, { epoch: epoch(2) }),
        );
      expect(await query('SHOW TABLES')).toEqual(tables);
      const own = tables
        .map((one) => Object.values(one)[0]!)
        .filter((one) => /_[0-9a-f]{8}$/.test(one));
      expect(own).toHaveLength(3);
      for (const table of own)
        expect(await query(`SELECT count(*) AS n FROM "${table}"`)).toEqual([{ n: '2' }]);
    });
  });
}
