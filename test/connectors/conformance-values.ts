import { partId, streamId } from '../../protocol/index.ts';
import {
  checkpoint,
  epoch,
  never,
  rawBlock,
  stream,
  testIf,
  type Harness,
  type Offers,
  type Session,
  type Sessions,
  type TextRow,
} from './harness.ts';

/** What the tests of one destination share: made anew before each of them. */
export interface Context<C> {
  readonly harness: Harness<C>;
  readonly sessions: Sessions<C>;
  /** Columns of a table, in the order of `id`. */
  rows(columns: string, table?: string): Promise<readonly TextRow[]>;
}

const orders = streamId({ name: 'orders' });

/** Values that their columns of `schema` do not take. */
const unfit: readonly (readonly [field: string, value: string])[] = [
  ['id', '1.5'],
  ['id', '"abc"'],
  ['id', '[1]'],
  ['id', '"0x1f"'],
  ['price', '"NaN"'],
  ['price', 'NaN'],
  ['price', '1e999999'],
  ['price', '"1_000"'],
  ['ok', '"yes"'],
  ['ok', '1'],
  ['day', '"2024-02-31"'],
  ['day', '"now"'],
  ['day', '"2024-01-01T10:00:00Z"'],
  ['seen_at', '"2024-13-01T00:00:00Z"'],
  ['seen_at', '"yesterday"'],
  ['seen_at', '17'],
  ['local', '"2024-03-01T12:00:00+02:00"'],
  ['clock', '"25:00:00"'],
  ['name', '"\\ud800"'],
  ['doc', '{"a":"\\udc00\\ud800"}'],
];

/** How values arrive: exactly, or as NULL with an entry. */
export function valueTests<C>(context: () => Context<C>, offers: Offers): void {
  const typedTest = testIf(offers.typed);
  const open: Sessions<C>['open'] = (options): Promise<Session> => context().sessions.open(options);
  const query: Harness<C>['query'] = (sql) => context().harness.query(sql);
  const rows: Context<C>['rows'] = (columns, table) => context().rows(columns, table);
  const ids = async (): Promise<unknown[]> => (await rows('id')).map((row) => row['id']);
  const schemaName = (): string => context().harness.schema;

  describe('values', () => {
    const one = async (data: string | Buffer, columns: string): Promise<TextRow> => {
      const { load } = await open();
      await load('orders', [data], checkpoint('orders', 1, 1));
      return (await rows(columns))[0]!;
    };

    test('null and absent are NULL, without a change', async () => {
      const { load } = await open();
      const receipt = await load(
        'orders',
        [
          '{"id":1,"name":null,"big":null,"price":null,"ok":null,"day":null,"seen_at":null,"clock":null,"doc":null,"list":null}',
          '{"id":2}',
        ],
        checkpoint('orders', 1, 1),
      );
      expect(receipt.nulled).toEqual({ orders: 0 });
      for (const row of await rows('name, big, price, ok, day, seen_at, local, clock, doc, list'))
        expect(new Set(Object.values(row))).toEqual(new Set([null]));
    });

    typedTest(
      'stamps rows with Airbyte’s four columns and keeps the source’s changes',
      async () => {
        const { loader } = await open();
        const part = await loader.part(orders, partId(epoch(1), 1));
        const change =
          '{"field":"note","change":"TRUNCATED","reason":"SOURCE_RECORD_SIZE_LIMITATION"}';
        await part.append(
          rawBlock('orders', [
            '{"type":"RECORD","record":{"stream":"orders","data":{"id":1},"emitted_at":1700000000123}}\n',
            `{"type":"RECORD","record":{"stream":"orders","data":{"id":2,"price":"x"},"emitted_at":1700000000123,"meta":{"changes":[${change}]}}}\n`,
          ]),
          never,
        );
        part.cover();
        const receipt = await loader.commit(
          [await part.seal()],
          [checkpoint('orders', 1, 1)],
          never,
        );
        expect(receipt.nulled).toEqual({ orders: 1 });
        const [first, second] = await rows(
          '_airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id',
        );
        expect(first!['_airbyte_raw_id']).toMatch(/^[0-9a-f-]{36}$/);
        expect(first!['_airbyte_extracted_at']).toBe('2023-11-14 22:13:20.123+00');
        expect(first!['_airbyte_generation_id']).toBe('3');
        expect(JSON.parse(first!['_airbyte_meta']!)).toEqual({ sync_id: 7, changes: [] });
        expect(JSON.parse(second!['_airbyte_meta']!)).toEqual({
          sync_id: 7,
          changes: [
            JSON.parse(change),
            { field: 'price', change: 'NULLED', reason: 'DESTINATION_TYPECAST_ERROR' },
          ],
        });
      },
    );

    test('text arrives as it was sent: quotes, newlines, emoji, escapes', async () => {
      const text = 'a"b\'c\\d\n\t\r é😀 \u2028 % $1 ${x}';
      const { load } = await open();
      await load(
        'orders',
        [
          `{"id":1,"name":${JSON.stringify(text)}}`,
          '{"id":2,"name":"\\ud83d\\ude00 \\u00e9"}',
          '{"id":3,"name":""}',
        ],
        checkpoint('orders', 1, 1),
      );
      expect((await rows('name')).map((row) => row['name'])).toEqual([text, '😀 é', '']);
    });

    const {
      json: jsonNumeral = '12345678901234567890.12345678901234567890',
      column: columnNumeral = '12345678901234567890.123456789012345678',
    } = offers.numerals ?? {};

    test('deep JSON and its numbers arrive exactly', async () => {
      const deep = `${'{"a":'.repeat(200)}${jsonNumeral}${'}'.repeat(200)}`;
      const row = await one(
        `{"id":1,"doc":${deep},"list":[1,"ü",null,{"b":[9007199254740993]}]}`,
        'doc, list',
      );
      expect(row['doc']!.replaceAll(' ', '')).toBe(deep);
      expect(row['list']!.replaceAll(' ', '')).toBe('[1,"ü",null,{"b":[9007199254740993]}]');
    });

    test('integers past 2^53 and a long decimal arrive exactly', async () => {
      const row = await one(
        `{"id":9007199254740993,"big":12345678901234567890123456789012345678,"price":${columnNumeral}}`,
        'id, big, price',
      );
      expect(row).toEqual({
        id: '9007199254740993',
        big: '12345678901234567890123456789012345678',
        price: columnNumeral,
      });
    });

    test.each([
      '0.0012345678901234568',
      '0.1',
      '-1e-7',
      '1.7976931348623157e308',
      '5',
      '123456.789',
    ])('the number %s arrives equal', async (numeral) => {
      const row = await one(`{"id":1,"price":${numeral}}`, 'price');
      expect(Number(row['price'])).toBe(Number(numeral));
    });

    typedTest('dates, times, booleans and lenient text arrive typed', async () => {
      const row = await one(
        '{"id":"12","price":"1.50","ok":true,"day":"2024-02-29","seen_at":"2024-03-01T12:00:00.5+02:00","local":"2024-03-01T12:00:00","clock":"10:11:12","name":17}',
        'id, price, ok, day, seen_at, local, clock, name',
      );
      expect({ ...row, price: Number(row['price']) }).toEqual({
        id: '12',
        price: 1.5,
        ok: 'true',
        day: '2024-02-29',
        seen_at: '2024-03-01 10:00:00.5+00',
        local: '2024-03-01 12:00:00',
        clock: '10:11:12',
        name: '17',
      });
    });

    typedTest(
      'what does not fit is NULL, with an entry, counted, and its neighbours stay',
      async () => {
        const { load } = await open();
        const data = unfit.flatMap(([field, value], i) => [
          `{"big":${2 * i},${JSON.stringify(field)}:${value}}`,
          `{"big":${2 * i + 1},"id":4}`,
        ]);
        const receipt = await load('orders', data, checkpoint('orders', 1, 1));
        expect(receipt.rows).toEqual({ orders: data.length });
        expect(receipt.nulled).toEqual({ orders: unfit.length });
        const fields = [...new Set(unfit.map(([field]) => field))].join(', ');
        const found = await query(
          `SELECT big, ${fields}, _airbyte_meta FROM "${schemaName()}".orders`,
        );
        // Not in SQL: an emulator sorts such numbers as texts.
        const told = found
          .toSorted((a, b) => Number(a['big']) - Number(b['big']))
          .map(({ _airbyte_meta: meta, ...row }) => [
            { ...row, big: Number(row['big']) },
            JSON.parse(meta!) as unknown,
          ]);
        const nothing = Object.fromEntries(fields.split(', ').map((field) => [field, null]));
        const expected = unfit.flatMap(([field], i) => [
          [
            { ...nothing, big: 2 * i },
            {
              sync_id: 7,
              changes: [{ field, change: 'NULLED', reason: 'DESTINATION_TYPECAST_ERROR' }],
            },
          ],
          [
            { ...nothing, big: 2 * i + 1, id: '4' },
            { sync_id: 7, changes: [] },
          ],
        ]);
        expect(told).toEqual(expected);
      },
    );

    test('invalid UTF-8 is NULL, with an entry', async () => {
      const data = Buffer.concat([
        Buffer.from('{"id":1,"name":"'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('","ok":true}'),
      ]);
      const { load } = await open();
      const receipt = await load('orders', [data], checkpoint('orders', 1, 1));
      expect(receipt.nulled).toEqual({ orders: 1 });
      expect((await rows('name, ok'))[0]).toEqual({ name: null, ok: 'true' });
    });

    typedTest('a column is added when a record needs it, typed as it was seen', async () => {
      const { load } = await open();
      await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
      await load(
        'orders',
        [
          '{"id":2,"extra":"x","count":5,"huge":123456789012345678901,"half":0.5,"yes":false,"mixed":1,"nothing":null}',
          '{"id":3,"mixed":"two","obj":{"a":1}}',
        ],
        checkpoint('orders', 2, 2),
      );
      expect(await rows('id, extra, count, huge, half, yes, mixed, obj')).toEqual([
        {
          id: '1',
          extra: null,
          count: null,
          huge: null,
          half: null,
          yes: null,
          mixed: null,
          obj: null,
        },
        {
          id: '2',
          extra: 'x',
          count: '5',
          huge: '123456789012345678901',
          half: '0.5',
          yes: 'false',
          mixed: '1',
          obj: null,
        },
        {
          id: '3',
          extra: null,
          count: null,
          huge: null,
          half: null,
          yes: null,
          mixed: '"two"',
          obj: expect.stringMatching(/^\{"a": ?1\}$/),
        },
      ]);
      const again = await open({ epoch: epoch(2) });
      await again.load(
        'orders',
        ['{"id":4,"extra":"y"}'],
        checkpoint('orders', 1, 3, { epoch: epoch(2) }),
      );
      expect((await rows('extra'))[3]).toEqual({ extra: 'y' });
    });

    test('keys that are hard to name become columns of their own', async () => {
      const long = 'k'.repeat(100);
      const { load } = await open();
      const keys = [
        `${long}1`,
        `${long}2`,
        'Name',
        'NAME',
        'a"b',
        'a.b/c~d',
        '_airbyte_raw_id',
        'sélect',
        '',
      ];
      const data = `{"id":1,"name":"low",${keys.map((key, i) => `${JSON.stringify(key)}:"v${i}"`).join(',')}}`;
      const receipt = await load('orders', [data], checkpoint('orders', 1, 1));
      expect(receipt.nulled).toEqual({ orders: 0 });
      const row = (await rows('*'))[0]!;
      const values = Object.values(row);
      for (const value of ['low', ...keys.map((_, i) => `v${i}`)])
        expect(values.filter((v) => v === value)).toHaveLength(1);
      if (offers.anyName !== false) expect(row['a"b']).toBe('v4');
    });

    test('two streams whose names differ only in case get a table each', async () => {
      const streams = [stream('orders'), stream('ORDERS')];
      const { load } = await open({ streams });
      await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
      await load('ORDERS', ['{"id":2}'], checkpoint('ORDERS', 1, 1));
      const again = await open({ epoch: epoch(2), streams: streams.toReversed() });
      await again.load('ORDERS', ['{"id":3}'], checkpoint('ORDERS', 1, 1, { epoch: epoch(2) }));
      expect(await ids()).toEqual(['1']);
    });
  });
}
