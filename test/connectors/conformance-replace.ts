import type {
  Checkpoint,
  ConfiguredStream,
  JsonObject,
  Landing,
  SyncError,
} from '../../protocol/index.ts';
import {
  checkpoint,
  database,
  epoch,
  failure,
  never,
  Sessions,
  stream,
  testIf,
  type Harness,
  type Offers,
  type TextRow,
} from './harness.ts';

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

/** An overwrite by the sync of this number. */
export const overwritten = (
  syncNo: number,
  more: Partial<ConfiguredStream> = {},
): ConfiguredStream =>
  stream('orders', 'overwrite', {
    sync_mode: 'full_refresh',
    generation_id: syncNo,
    minimum_generation_id: syncNo,
    ...more,
  });

export const done = (syncNo: number, at = 1000, more: Partial<Checkpoint> = {}): Checkpoint =>
  checkpoint('orders', 99, 99, { epoch: epoch(syncNo, at), complete: true, ...more });

/** How a destination replaces a stream's data: all of it or nothing, whenever the writer dies. */
export function replaceSuite<C>(options: {
  readonly name: string;
  create(): Promise<Harness<C>>;
  readonly offers?: Offers;
}): void {
  const dedupTest = testIf((options.offers ?? database).dedup);
  describe(`${options.name} replaces the data of a stream`, () => {
    let harness: Harness<C>;
    let sessions: Sessions<C>;
    beforeEach(async () => {
      harness = await options.create();
      sessions = new Sessions(harness);
    });
    afterEach(async () => {
      await sessions.close();
      await harness.drop();
    });

    const rows = (columns: string): Promise<readonly TextRow[]> =>
      harness.query(`SELECT ${columns} FROM "${harness.schema}"."orders" ORDER BY id`);
    const ids = async (): Promise<(string | null | undefined)[]> =>
      (await rows('id')).map((row) => row['id']);
    const tables = async (): Promise<(string | null | undefined)[]> => {
      const found = await harness.query(
        `SELECT table_name FROM information_schema.tables WHERE table_schema = '${harness.schema}' AND table_name NOT IN ('_tidemark_checkpoints', '_tidemark_tables', '_tidemark_sessions')`,
      );
      return found.map((row) => row['table_name']!).toSorted(byText);
    };
    /** The whole of a sync that sends these records and ends well. */
    const sync = async (
      syncNo: number,
      data: readonly string[],
      more: Partial<ConfiguredStream> = {},
    ): Promise<void> => {
      const { load } = await sessions.open({
        streams: [overwritten(syncNo, more)],
        epoch: epoch(syncNo),
      });
      await load('orders', data, done(syncNo));
    };

    test('the old rows are there until the stream is complete, then only the new ones', async () => {
      await sync(1, ['{"id":1}', '{"id":2}']);
      expect(await ids()).toEqual(['1', '2']);
      const { load } = await sessions.open({ streams: [overwritten(2)], epoch: epoch(2) });
      await load('orders', ['{"id":7}'], checkpoint('orders', 1, 1, { epoch: epoch(2) }));
      expect(await ids()).toEqual(['1', '2']);
      await load('orders', ['{"id":8}'], done(2));
      expect(await rows('id, _airbyte_generation_id')).toEqual([
        { id: '7', _airbyte_generation_id: '2' },
        { id: '8', _airbyte_generation_id: '2' },
      ]);
      expect(await tables()).toEqual(['orders']);
    });

    test('a first load is seen only when it is complete', async () => {
      const { load } = await sessions.open({ streams: [overwritten(1)] });
      await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
      expect(await tables()).not.toContain('orders');
      await load('orders', ['{"id":2}'], done(1));
      expect(await ids()).toEqual(['1', '2']);
    });

    test('the next attempt of a sync goes on with what the last one committed', async () => {
      await sync(1, ['{"id":1}']);
      const first = await sessions.open({ streams: [overwritten(2)], epoch: epoch(2) });
      await first.load('orders', ['{"id":2}'], checkpoint('orders', 1, 1, { epoch: epoch(2) }));
      await first.sealed('orders', ['{"id":666}']);
      const second = await sessions.open({ streams: [overwritten(2)], epoch: epoch(2, 2000) });
      expect(second.held).toEqual([
        expect.objectContaining({ scope: 'orders', seq: 1, epoch: epoch(2) }),
      ]);
      await second.load('orders', ['{"id":3}'], done(2, 2000));
      expect(await ids()).toEqual(['2', '3']);
    });

    test('the next sync starts with nothing of one that did not complete', async () => {
      await sync(1, ['{"id":1}']);
      const failed = await sessions.open({ streams: [overwritten(2)], epoch: epoch(2) });
      await failed.load('orders', ['{"id":2}'], checkpoint('orders', 1, 1, { epoch: epoch(2) }));
      await sync(3, ['{"id":3}']);
      expect(await ids()).toEqual(['3']);
      expect(await tables()).toEqual(['orders']);
    });

    test('an empty stream leaves an empty table', async () => {
      await sync(1, ['{"id":1}']);
      const { loader } = await sessions.open({ streams: [overwritten(2)], epoch: epoch(2) });
      await loader.commit([], [done(2)], never);
      expect(await ids()).toEqual([]);
    });

    test('a writer that was fenced off publishes nothing', async () => {
      await sync(1, ['{"id":1}']);
      const zombie = await sessions.open({ streams: [overwritten(2)], epoch: epoch(2) });
      const part = await zombie.sealed('orders', ['{"id":666}']);
      const next = await sessions.open({ streams: [overwritten(3)], epoch: epoch(3) });
      const refused = await failure(zombie.loader.commit([part], [done(2)], never));
      // Its session may have been ended instead.
      expect(refused.kind).toBe('transient_error');
      expect(await ids()).toEqual(['1']);
      await next.load('orders', ['{"id":3}'], done(3));
      expect((await failure(zombie.loader.commit([part], [done(2)], never))).kind).toBe(
        'transient_error',
      );
      expect(await ids()).toEqual(['3']);
    });

    test('an attempt after the answer was lost finds it published', async () => {
      await sync(1, ['{"id":1}']);
      await sync(2, ['{"id":2}']);
      const again = await sessions.open({ streams: [overwritten(2)], epoch: epoch(2, 2000) });
      expect(again.held).toEqual([expect.objectContaining({ scope: 'orders', complete: true })]);
      expect(await ids()).toEqual(['2']);
      expect(await tables()).toEqual(['orders']);
    });

    test('too few new rows do not take the place of the old, and others go on', async () => {
      await sync(1, ['{"id":1}', '{"id":2}']);
      const { load, loader } = await sessions.open({
        streams: [overwritten(2), stream('people')],
        epoch: epoch(2),
        rowsMin: 2,
      });
      const refused: SyncError = await failure(load('orders', ['{"id":3}'], done(2)));
      expect(refused).toMatchObject({
        kind: 'config_error',
        code: 'too_few_rows',
        stream: 'orders',
        facts: { rows: 1, rowsMin: 2 },
      });
      expect(await ids()).toEqual(['1', '2']);
      await loader.commit([], [checkpoint('people', 1, 1, { epoch: epoch(2) })], never);
      await sync(3, ['{"id":4}', '{"id":5}', '{"id":6}']);
      expect(await ids()).toEqual(['4', '5', '6']);
    });

    test('a stream that was appended to is replaced as a whole, and appended to again', async () => {
      const first = await sessions.open();
      await first.load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
      await sync(2, ['{"id":2}']);
      expect(await ids()).toEqual(['2']);
      const third = await sessions.open({ epoch: epoch(3) });
      await third.load('orders', ['{"id":3}'], checkpoint('orders', 1, 1, { epoch: epoch(3) }));
      expect(await ids()).toEqual(['2', '3']);
    });

    dedupTest(
      'a refreshed stream is deduplicated out of sight, and goes on in its table',
      async () => {
        const refreshed = stream('orders', 'append_dedup', {
          generation_id: 2,
          minimum_generation_id: 2,
        });
        const first = await sessions.open({ streams: [stream('orders', 'append_dedup')] });
        await first.load('orders', ['{"id":1,"name":"old"}'], checkpoint('orders', 1, 1));
        const second = await sessions.open({ streams: [refreshed], epoch: epoch(2) });
        await second.load(
          'orders',
          ['{"id":2,"name":"a"}'],
          checkpoint('orders', 1, 1, { epoch: epoch(2) }),
        );
        // The refresh is not done: another sync takes it up.
        const third = await sessions.open({ streams: [refreshed], epoch: epoch(3) });
        await third.load('orders', ['{"id":2,"name":"b"}', '{"id":3,"name":"c"}'], done(3));
        expect(await rows('id, name')).toEqual([
          { id: '2', name: 'b' },
          { id: '3', name: 'c' },
        ]);
        const fourth = await sessions.open({ streams: [refreshed], epoch: epoch(4) });
        await fourth.load(
          'orders',
          ['{"id":3,"name":"d"}'],
          checkpoint('orders', 1, 1, { epoch: epoch(4) }),
        );
        expect(await rows('id, name')).toEqual([
          { id: '2', name: 'b' },
          { id: '3', name: 'd' },
        ]);
      },
    );

    test('the new data has the types of its own schema', async () => {
      const retyped = overwritten(2, {
        stream: { name: 'orders', json_schema: { properties: { id: { type: 'string' } } } },
      });
      await sync(1, ['{"id":1}']);
      const { load } = await sessions.open({ streams: [retyped], epoch: epoch(2) });
      await load('orders', ['{"id":"x1"}'], done(2));
      expect(await ids()).toEqual(['x1']);
    });

    // Names of tables and frozen columns are matters of tables.
    if (!(options.offers ?? database).tables) return;

    describe('and names its table anew', () => {
      const moved = { landing: { prefix: 'shop_' } };
      const idsOfMoved = async (): Promise<unknown[]> =>
        (await harness.query(`SELECT id FROM "${harness.schema}".shop_orders ORDER BY id`)).map(
          (row) => row['id'],
        );

      test('an overwrite moves unasked, is seen once complete, and leaves nothing hidden', async () => {
        await sync(1, ['{"id":1}']);
        const failed = await sessions.open({ streams: [overwritten(2)], epoch: epoch(2) });
        await failed.load('orders', ['{"id":2}'], checkpoint('orders', 1, 1, { epoch: epoch(2) }));
        const { load } = await sessions.open({
          streams: [overwritten(3, moved)],
          epoch: epoch(3),
        });
        await load('orders', ['{"id":3}'], checkpoint('orders', 1, 1, { epoch: epoch(3) }));
        expect(await tables()).toEqual([expect.stringMatching(/^_tidemark_next_\w+_3$/), 'orders']);
        await load('orders', ['{"id":4}'], done(3));
        expect(await tables()).toEqual(['orders', 'shop_orders']);
        expect(await ids()).toEqual(['1']);
        expect(await idsOfMoved()).toEqual(['3', '4']);
        await sync(4, ['{"id":5}'], moved);
        expect(await idsOfMoved()).toEqual(['5']);
      });

      test('a refresh moves while it reads from scratch, and not once it has loaded something', async () => {
        const refreshed = (landing: Landing): ConfiguredStream =>
          stream('orders', 'append_dedup', {
            ...{ generation_id: 5, minimum_generation_id: 5, landing },
          });
        const first = await sessions.open({ streams: [stream('orders', 'append_dedup')] });
        await first.load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
        const from = [
          checkpoint('orders', 0, 0, { edition: 1, state: null, epoch: epoch(0, 0), records: 0 }),
        ];
        const half = await sessions.open({
          streams: [refreshed(moved.landing)],
          epoch: epoch(5),
          from,
        });
        const at = checkpoint('orders', 1, 1, { edition: 1, epoch: epoch(5) });
        await half.load('orders', ['{"id":2}'], at);
        expect(await ids()).toEqual(['1']);
        const back = await failure(
          sessions.open({ streams: [refreshed({})], epoch: epoch(6), from: [at] }),
        );
        expect(back).toMatchObject({ kind: 'config_error', stream: 'orders' });
        const whole = await sessions.open({
          streams: [refreshed(moved.landing)],
          epoch: epoch(7),
          from: [at],
        });
        await whole.load('orders', ['{"id":3}'], done(7, 1000, { edition: 1 }));
        expect(await idsOfMoved()).toEqual(['2', '3']);
        expect(await ids()).toEqual(['1']);
      });

      test('under a state of all streams, one that a person took out of it moves, and no other', async () => {
        const part = (name: string) => ({ stream_descriptor: { name }, stream_state: { at: 1 } });
        const shared = (names: readonly string[], more: Partial<Checkpoint>): Checkpoint =>
          checkpoint('*', 1, 1, {
            state: { type: 'GLOBAL', global: { stream_states: names.map(part) } },
            ...more,
          });
        const streams = (landing: Landing): ConfiguredStream[] =>
          ['orders', 'people'].map((name) => stream(name, 'append', { landing }));
        const { loader } = await sessions.open({ streams: streams({}) });
        await loader.commit([], [shared(['orders', 'people'], {})], never);
        const bare = { edition: 1, epoch: epoch(0, 0), seq: 0, records: 0 };
        const from = [
          checkpoint('orders', 0, 0, { ...bare, state: null }),
          shared(['people'], bare),
        ];
        const all = await failure(
          sessions.open({ streams: streams(moved.landing), epoch: epoch(2), from }),
        );
        expect(all).toMatchObject({ kind: 'config_error', stream: 'people' });
        const only = await sessions.open({
          streams: [streams(moved.landing)[0]!, streams({})[1]!],
          epoch: epoch(3),
          from,
        });
        expect(only.held).toHaveLength(2);
        expect(await tables()).toEqual(['orders', 'people', 'shop_orders']);
      });
    });

    describe('with what a person chose of it', () => {
      const columns = async (): Promise<unknown[]> =>
        (
          await harness.query(
            `SELECT column_name AS c, data_type AS t FROM information_schema.columns
             WHERE table_schema = '${harness.schema}' AND table_name = 'orders' ORDER BY column_name`,
          )
        ).map(({ c, t }) => `${c} ${t}`);
      const of = (properties: JsonObject): Pick<ConfiguredStream, 'stream'> => ({
        stream: { name: 'orders', json_schema: { type: 'object', properties } },
      });
      const integer = { type: 'integer' };
      const text = { type: 'string' };

      test('a frozen table is exchanged for one of its own columns, those that only records brought too', async () => {
        await sync(1, ['{"id":1,"name":"a","seen":"x"}'], of({ id: integer, name: text }));
        const before = await columns();
        const frozen = { landing: { frozen: true }, ...of({ id: text, price: integer }) } as const;
        const attempt = await sessions.open({ streams: [overwritten(2, frozen)], epoch: epoch(2) });
        const at = checkpoint('orders', 1, 1, { epoch: epoch(2) });
        await attempt.load('orders', ['{"id":2,"price":5,"seen":"y","other":1}'], at);
        const next = await sessions.open({
          streams: [overwritten(2, frozen)],
          epoch: epoch(2, 2000),
        });
        await next.load('orders', ['{"id":3,"name":"c","price":6}'], done(2, 2000));
        expect(await columns()).toEqual(before);
        expect(await rows('id, name, seen')).toEqual([
          { id: '2', name: null, seen: 'y' },
          { id: '3', name: 'c', seen: null },
        ]);
      });

      test('a frozen stream whose table is not there yet gets that of its schema', async () => {
        const frozen = { landing: { frozen: true }, ...of({ id: integer, name: text }) } as const;
        await sync(1, ['{"id":1,"name":"a","other":1}'], frozen);
        expect((await columns()).filter((one) => !String(one).startsWith('_airbyte_'))).toEqual([
          expect.stringMatching(/^id /),
          expect.stringMatching(/^name /),
        ]);
      });

      test('columns that are no longer chosen are not in the new table', async () => {
        await sync(1, ['{"id":1,"name":"a"}'], of({ id: integer, name: text }));
        await sync(2, ['{"id":2,"name":"b","other":1}'], {
          ...of({ id: integer }),
          landing: { only: ['id'] },
        });
        expect((await columns()).filter((one) => !String(one).startsWith('_airbyte_'))).toEqual([
          expect.stringMatching(/^id /),
        ]);
        expect(await ids()).toEqual(['2']);
      });
    });
  });
}
