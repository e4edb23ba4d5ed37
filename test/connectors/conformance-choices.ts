import type {
  ConfiguredStream,
  DestinationSyncMode,
  JsonObject,
  Landing,
  SyncError,
} from '../../protocol/index.ts';
import type { Context } from './conformance-values.ts';
import {
  checkpoint,
  connection,
  epoch,
  never,
  schema,
  stream,
  zoneOf,
  type Offers,
  type Sessions,
} from './harness.ts';

/** A stream of which a person chose these columns. */
function chosen(
  columns: readonly string[],
  more: Partial<ConfiguredStream> = {},
): ConfiguredStream {
  const all = schema['properties'] as JsonObject;
  const properties = Object.fromEntries(
    Object.entries(all).filter(([field]) => columns.includes(field)),
  );
  return stream('orders', more.destination_sync_mode ?? 'append', {
    ...more,
    stream: { name: 'orders', json_schema: { type: 'object', properties } },
    landing: { only: columns } satisfies Landing,
  });
}

/** What a person chooses for a stream: its columns. */
export function choiceTests<C>(context: () => Context<C>, offers: Offers): void {
  // Chosen columns, names of tables and frozen columns are matters of tables.
  if (!offers.tables) return;
  const open: Sessions<C>['open'] = (options) => context().sessions.open(options);
  const rows: Context<C>['rows'] = (columns, table) => context().rows(columns, table);
  const columnsOf = async (table = 'orders'): Promise<unknown[]> => {
    const { harness } = context();
    const found = await harness.query(
      `SELECT column_name AS c FROM information_schema.columns
       WHERE table_schema = '${harness.schema}' AND table_name = '${table}'`,
    );
    return found
      .map((row) => String(row['c']))
      .filter((name) => !name.startsWith('_airbyte_'))
      .sort();
  };

  describe('chosen columns', () => {
    test('fields that were not chosen get no column, and their values are not counted', async () => {
      const { load } = await open({ streams: [chosen(['id', 'name'])] });
      const receipt = await load(
        'orders',
        [
          '{"id":1,"name":"a","price":"no number","new":5}',
          '{"id":2,"name":"b","doc":"\\ud800","other":NaN}',
        ],
        checkpoint('orders', 1, 1),
      );
      expect([receipt.rows, receipt.nulled]).toEqual([{ orders: 2 }, { orders: 0 }]);
      expect(await columnsOf()).toEqual(['id', 'name']);
      const found = await rows('id, name, _airbyte_meta');
      expect(found.map(({ id, name }) => [id, name])).toEqual([
        ['1', 'a'],
        ['2', 'b'],
      ]);
      for (const row of found)
        expect(JSON.parse(row['_airbyte_meta']!)).toEqual({ sync_id: 7, changes: [] });
    });

    test('a value that does not fit a chosen column is still told', async () => {
      const { load } = await open({ streams: [chosen(['id', 'price', 'doc'])] });
      const receipt = await load(
        'orders',
        ['{"id":1,"price":"no number","doc":"\\ud800","name":"\\ud800","ok":"no"}'],
        checkpoint('orders', 1, 1),
      );
      expect(receipt.nulled).toEqual({ orders: 2 });
      const [row] = await rows('_airbyte_meta');
      const { changes } = JSON.parse(row!['_airbyte_meta']!) as { changes: { field: string }[] };
      expect(changes.map(({ field }) => field).sort()).toEqual(['doc', 'price']);
    });

    test('a column that is no longer chosen stays and gets NULL; chosen again it is filled', async () => {
      const first = await open();
      await first.load('orders', ['{"id":1,"name":"a"}'], checkpoint('orders', 1, 1));
      const second = await open({ epoch: epoch(2), streams: [chosen(['id'])] });
      await second.load(
        'orders',
        ['{"id":2,"name":"b"}'],
        checkpoint('orders', 1, 2, { epoch: epoch(2) }),
      );
      const third = await open({ epoch: epoch(3), streams: [chosen(['id', 'name'])] });
      await third.load(
        'orders',
        ['{"id":3,"name":"c"}'],
        checkpoint('orders', 1, 3, { epoch: epoch(3) }),
      );
      expect((await rows('name')).map((row) => row['name'])).toEqual(['a', null, 'c']);
    });

    test('a chosen field that only records have gets its column, and so have those of change data capture', async () => {
      const streams = [chosen(['id', 'extra'], { destination_sync_mode: 'append_dedup' })];
      const { load } = await open({ streams });
      await load(
        'orders',
        ['{"id":1,"extra":1.5,"no":1}', '{"id":2,"_ab_cdc_lsn":7}'],
        checkpoint('orders', 1, 1),
      );
      expect(await columnsOf()).toEqual(['_ab_cdc_lsn', 'extra', 'id']);
      await load(
        'orders',
        ['{"id":1,"_ab_cdc_deleted_at":"2024-01-01T00:00:00Z"}'],
        checkpoint('orders', 2, 2),
      );
      expect((await rows('id, extra, _ab_cdc_lsn')).map((row) => row['id'])).toEqual(['2']);
    });

    test('more keys than a table can have do no harm when they were not chosen', async () => {
      const { load } = await open({ streams: [chosen(['id'])] });
      const many = Array.from({ length: 1_200 }, (_, n) => `"k${n}":1`).join(',');
      const receipt = await load('orders', [`{"id":1,${many}}`], checkpoint('orders', 1, 1));
      expect(receipt.rows).toEqual({ orders: 1 });
      expect(await columnsOf()).toEqual(['id']);
    });
  });

  describe('names of tables', () => {
    const named = (landing: Landing, more: Partial<ConfiguredStream> = {}) => [
      stream('orders', 'append', { ...more, landing }),
    ];
    const at = (syncNo: number, cursor: number) =>
      checkpoint('orders', 1, cursor, { epoch: epoch(syncNo) });
    const idsIn = async (place: string): Promise<unknown[]> =>
      (await context().harness.query(`SELECT id FROM ${place} ORDER BY id`)).map((r) => r['id']);

    test('namespace and prefix name the table; the state keeps the name of the source', async () => {
      const zone = zoneOf(context().harness.schema, offers);
      const streams = named({ namespace: zone, prefix: 'shop_' });
      const { load } = await open({ streams });
      await load('orders', ['{"id":1}'], at(1, 5));
      expect(await idsIn(`"${zone}".shop_orders`)).toEqual(['1']);
      const again = await open({ streams, epoch: epoch(2) });
      expect(again.held!.map(({ scope }) => scope)).toEqual(['orders']);
      await again.load('orders', ['{"id":2}'], at(2, 6));
      expect(await idsIn(`"${zone}".shop_orders`)).toEqual(['1', '2']);
    });

    test('the name of a stream that goes on from a state cannot be changed', async () => {
      const { harness } = context();
      const first = await open();
      await first.load('orders', ['{"id":1}'], at(1, 5));
      for (const landing of [{ prefix: 'shop_' }, { namespace: 'raw' }] satisfies Landing[]) {
        const error: unknown = await open({ streams: named(landing), epoch: epoch(2) }).catch(
          (thrown: unknown) => thrown,
        );
        expect(error).toMatchObject({ kind: 'config_error', stream: 'orders' });
        const { place, remedy } = error as SyncError;
        expect(place).toContain(`${harness.schema}.orders`);
        expect(remedy).toContain('tidemark state reset shop');
      }
      const back = await open({ epoch: epoch(3) });
      await back.load('orders', ['{"id":2}'], at(3, 6));
      expect(await idsIn(`"${harness.schema}".orders`)).toEqual(['1', '2']);
    });

    test('a stream that starts from scratch moves, and its old table stays as it is', async () => {
      const { harness } = context();
      const first = await open();
      await first.load('orders', ['{"id":1}'], at(1, 5));
      const reset = checkpoint('orders', 0, 0, { edition: 1, state: null, epoch: epoch(0, 0) });
      const streams = named({ prefix: 'shop_' });
      const moved = await open({ streams, epoch: epoch(2), from: [reset] });
      const there = checkpoint('orders', 1, 7, { edition: 1, epoch: epoch(2) });
      await moved.load('orders', ['{"id":2}'], there);
      expect(await idsIn(`"${harness.schema}".orders`)).toEqual(['1']);
      expect(await idsIn(`"${harness.schema}".shop_orders`)).toEqual(['2']);
      // The old name is a new one by now: going back would split the rows again.
      await expect(open({ epoch: epoch(3), from: [there] })).rejects.toMatchObject({
        kind: 'config_error',
      });
    });

    test('a stream that is read in full moves without being asked', async () => {
      const { harness } = context();
      const full = { sync_mode: 'full_refresh' } as const;
      const first = await open({ streams: named({}, full) });
      await first.load('orders', ['{"id":1}'], at(1, 5));
      const moved = await open({ streams: named({ prefix: 'shop_' }, full), epoch: epoch(2) });
      await moved.load('orders', ['{"id":2}'], at(2, 6));
      expect(await idsIn(`"${harness.schema}".shop_orders`)).toEqual(['2']);
    });

    test('two streams that would share a table are refused', async () => {
      const two = ['a', 'b'].map((namespace) =>
        stream('orders', 'append', {
          stream: { name: 'orders', namespace, json_schema: schema },
          landing: { namespace: 'raw' },
        }),
      );
      await expect(open({ streams: two })).rejects.toMatchObject({
        kind: 'config_error',
        place: expect.stringMatching(/a\/orders.*b\/orders.*raw\.orders/),
        remedy: expect.stringContaining('${SOURCE_NAMESPACE}'),
      });
    });
  });

  describe('deletes of change data capture', () => {
    const dedup = (landing: Landing = {}, deletedAt: JsonObject = { type: 'string' }) => {
      const properties = { ...(schema['properties'] as JsonObject), _ab_cdc_deleted_at: deletedAt };
      const json_schema = { ...schema, properties };
      const more = { stream: { name: 'orders', json_schema }, landing };
      return { streams: [stream('orders', 'append_dedup', more)] };
    };
    const gone = (id: number): string => `{"id":${id},"_ab_cdc_deleted_at":"2024-01-01T00:00:00Z"}`;
    const one = (id: number, name: string): string =>
      `{"id":${id},"name":"${name}","_ab_cdc_deleted_at":null}`;
    const left = async (): Promise<unknown[]> =>
      (await rows('id, name')).map(({ id, name }) => `${id} ${name}`);

    test('the last record of a key decides, whatever came before it in the batch', async () => {
      const { load } = await open(dedup());
      const receipt = await load(
        'orders',
        [one(1, 'a'), gone(1), one(2, 'a'), gone(2), one(2, 'b'), gone(3), one(3, 'a'), gone(4)],
        checkpoint('orders', 1, 1),
      );
      expect([receipt.rows, receipt.nulled]).toEqual([{ orders: 8 }, { orders: 0 }]);
      expect(await left()).toEqual(['2 b', '3 a']);
    });

    test('a row of an earlier batch is deleted, and comes back with a later insert', async () => {
      const { load } = await open(dedup());
      await load(
        'orders',
        [1, 2, 3].map((id) => one(id, 'a')),
        checkpoint('orders', 1, 1),
      );
      await load('orders', [gone(1), gone(2), one(2, 'b')], checkpoint('orders', 2, 2));
      expect(await left()).toEqual(['2 b', '3 a']);
      await load('orders', [one(1, 'c'), one(3, 'c'), gone(3)], checkpoint('orders', 3, 3));
      expect(await left()).toEqual(['1 c', '2 b']);
    });

    test('parts of one commit keep their order', async () => {
      const { loader, sealed } = await open(dedup());
      const parts = [
        await sealed('orders', [one(1, 'a'), one(2, 'a')]),
        await sealed('orders', [gone(1), gone(2)]),
        await sealed('orders', [one(2, 'b')]),
      ];
      await loader.commit(parts, [checkpoint('orders', 1, 1)], never);
      expect(await left()).toEqual(['2 b']);
    });

    test.each(['on Monday', '\\ud800'])('deletes also when its time is %s', async (time) => {
      const { load } = await open(dedup({}, { type: ['null', 'string'], format: 'date-time' }));
      await load(
        'orders',
        [1, 2, 3].map((id) => one(id, 'a')),
        checkpoint('orders', 1, 1),
      );
      const odd = `{"id":1,"_ab_cdc_deleted_at":"${time}"}`;
      const receipt = await load('orders', [odd, gone(2)], checkpoint('orders', 2, 2));
      expect(receipt.nulled).toEqual({ orders: 1 });
      expect(await left()).toEqual(['3 a']);
    });

    test('a soft delete keeps the row, marked', async () => {
      const { load } = await open(dedup({ cdc_deletes: 'soft' }));
      await load('orders', [one(1, 'a'), one(2, 'a')], checkpoint('orders', 1, 1));
      await load(
        'orders',
        ['{"id":1,"name":"z","_ab_cdc_deleted_at":"2024-01-01T00:00:00Z"}', gone(2), one(2, 'b')],
        checkpoint('orders', 2, 2),
      );
      expect(await rows('id, name, _ab_cdc_deleted_at')).toEqual([
        { id: '1', name: 'z', _ab_cdc_deleted_at: '2024-01-01T00:00:00Z' },
        { id: '2', name: 'b', _ab_cdc_deleted_at: null },
      ]);
    });
  });

  describe('changes of the source', () => {
    const frozen = (mode: DestinationSyncMode = 'append') =>
      stream('orders', mode, { landing: { frozen: true } });
    const narrow = { type: 'object', properties: { id: { type: 'integer' } } };
    const first = stream('orders', 'append', { stream: { name: 'orders', json_schema: narrow } });
    const at = (syncNo: number) => checkpoint('orders', 1, syncNo, { epoch: epoch(syncNo) });

    test('a frozen table takes no new columns, neither of the schema nor of records', async () => {
      const one = await open({ streams: [first] });
      await one.load('orders', ['{"id":1,"seen":"x"}'], at(1));
      expect(await columnsOf()).toEqual(['id', 'seen']);
      const two = await open({ epoch: epoch(2), streams: [frozen()] });
      const receipt = await two.load(
        'orders',
        ['{"id":2,"seen":"y","name":"n","price":"no number","other":1}'],
        at(2),
      );
      expect([receipt.rows, receipt.nulled]).toEqual([{ orders: 1 }, { orders: 0 }]);
      // What change data capture says decides about rows, so it is never left out.
      expect(await columnsOf()).toEqual(['_ab_cdc_deleted_at', 'id', 'seen']);
      expect(await rows('id, seen')).toEqual([
        { id: '1', seen: 'x' },
        { id: '2', seen: 'y' },
      ]);
      const three = await open({ epoch: epoch(3) });
      await three.load('orders', ['{"id":3,"name":"n","other":1}'], at(3));
      expect(await columnsOf()).toEqual(expect.arrayContaining(['name', 'other', 'price']));
    });

    test('a frozen stream without a table gets that of its schema', async () => {
      const { load } = await open({ streams: [frozen('append_dedup')] });
      await load('orders', ['{"id":1,"name":"n","other":1}'], at(1));
      const columns = await columnsOf();
      expect(columns).toEqual(Object.keys(schema['properties']!).sort());
    });

    test('keeps what the source offered, for the syncs to come', async () => {
      const { harness, sessions } = context();
      const offered = async (syncNo: number, more: object = {}): Promise<unknown> => {
        const loader = harness.destination.loader(harness.config);
        const asked = { connection, epoch: epoch(syncNo, 9_999), abort: never, ...more };
        try {
          return await loader.offered!(asked);
        } finally {
          await loader.close();
        }
      };
      expect(await offered(1)).toBeNull();
      await sessions.open({ epoch: epoch(1), offer: 'one' });
      // The sync that kept it may ask again in its next attempt.
      expect([await offered(1), await offered(2)]).toEqual([null, 'one']);
      await sessions.open({ epoch: epoch(2), offer: 'one' });
      await sessions.open({ epoch: epoch(3), offer: "t'wo" });
      await sessions.open({ epoch: epoch(3, 2_000), offer: "t'wo" });
      expect([await offered(3), await offered(4)]).toEqual(['one', "t'wo"]);
      await sessions.open({ epoch: epoch(4) });
      expect(await offered(4)).toBe("t'wo");
      const other = { id: '00000000-0000-4000-8000-000000000002', name: 'other' };
      expect(await offered(4, { connection: other })).toBeNull();
    });
  });
}
