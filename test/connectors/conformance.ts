import { partId, streamId, type Checkpoint } from '../../protocol/index.ts';
import { choiceTests } from './conformance-choices.ts';
import { valueTests } from './conformance-values.ts';
import {
  block,
  checkpoint,
  connection,
  cursorOf,
  database,
  epoch,
  failure,
  never,
  rawBlock,
  Sessions,
  stream,
  testIf,
  type Harness,
  type Offers,
  type TextRow,
} from './harness.ts';

const orders = streamId({ name: 'orders' });
/** What every destination of ours must do: the definition of a destination. */
export function destinationSuite<C>(options: {
  readonly name: string;
  create(): Promise<Harness<C>>;
  readonly offers?: Offers;
}): void {
  const offers = options.offers ?? database;
  const dedupTest = testIf(offers.dedup);
  const tableTest = testIf(offers.tables);
  describe(`${options.name} as a destination`, () => {
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

    const rows = (columns: string, table = 'orders'): Promise<readonly TextRow[]> =>
      harness.query(`SELECT ${columns} FROM "${harness.schema}"."${table}" ORDER BY id`);
    const ids = async (table = 'orders'): Promise<(string | null | undefined)[]> =>
      (await rows('id', table)).map((row) => row['id']);
    const stored = (): Promise<readonly TextRow[]> =>
      harness.query(
        `SELECT scope, seq, state FROM "${harness.schema}"._tidemark_checkpoints WHERE committed_at IS NOT NULL ORDER BY scope`,
      );

    describe('checkpoints', () => {
      test('resumes from the checkpoint that was committed with the rows', async () => {
        const first = await sessions.open();
        expect(first.held).toEqual([]);
        const receipt = await first.load(
          'orders',
          ['{"id":1}', '{"id":2}'],
          checkpoint('orders', 1, 5),
        );
        expect([receipt.rows, receipt.nulled]).toEqual([{ orders: 2 }, { orders: 0 }]);
        const second = await sessions.open({ epoch: epoch(2) });
        expect(second.held).toEqual([checkpoint('orders', 1, 5)]);
        expect(await ids()).toEqual(['1', '2']);
      });

      test('takes the same state twice, and a state without records', async () => {
        const { load, loader } = await sessions.open();
        await load('orders', ['{"id":1}'], checkpoint('orders', 1, 5));
        await loader.commit([], [checkpoint('orders', 2, 5)], never);
        const again = await sessions.open({ epoch: epoch(2) });
        expect(again.held).toEqual([checkpoint('orders', 2, 5)]);
        expect(await ids()).toEqual(['1']);
      });

      test('keeps a state to the letter', async () => {
        const { loader } = await sessions.open();
        const exact =
          '{"type":"LEGACY","data":{"a":1.0,"id":12345678901234567890,"t":"ü\\u0000😀\'"}}';
        const at = checkpoint('*', 1, 0, {
          state: JSON.parse(exact) as NonNullable<Checkpoint['state']>,
          exact,
          byStream: { [orders]: { records: 1, bytes: 2 } },
          complete: true,
        });
        await loader.commit([], [at], never);
        expect((await sessions.open({ epoch: epoch(1, 1001) })).held).toEqual([at]);
      });

      test('tells Temporal’s older checkpoint apart from the truth when the answer to a commit was lost', async () => {
        const { load } = await sessions.open();
        await load('orders', ['{"id":1}'], checkpoint('orders', 1, 5));
        await load('orders', ['{"id":2}'], checkpoint('orders', 2, 6));
        const next = await sessions.open({
          epoch: epoch(1, 2000),
          from: [checkpoint('orders', 1, 5)],
        });
        expect(next.held).toEqual([checkpoint('orders', 2, 6)]);
      });

      test('follows a destination that was restored from a backup', async () => {
        const { load } = await sessions.open();
        await load('orders', ['{"id":1}'], checkpoint('orders', 1, 5));
        const ahead = checkpoint('orders', 9, 99, { epoch: epoch(4) });
        const next = await sessions.open({ epoch: epoch(5), from: [ahead] });
        expect(cursorOf(next.held, 'orders')).toEqual({ cursor: 5 });
      });

      test('refuses when Temporal holds a checkpoint and the destination has no row, unless it is adopted', async () => {
        const from = [checkpoint('orders', 3, 30)];
        const error = await failure(sessions.open({ epoch: epoch(2), from }));
        expect(error.kind).toBe('config_error');
        expect(error.remedy).toContain('tidemark state adopt shop');
        expect(error.remedy).toContain('tidemark state reset shop');
        const adopted = await sessions.open({ epoch: epoch(2), from, adopt: true });
        expect(adopted.held).toEqual(from);
        expect((await sessions.open({ epoch: epoch(3) })).held).toEqual(from);
      });

      test('takes a person’s bare edit, and refuses an edit that it has forgotten', async () => {
        const { load } = await sessions.open();
        await load('orders', ['{"id":1}'], checkpoint('orders', 1, 5));
        const edit = checkpoint('orders', 0, 2, { edition: 1 });
        const edited = await sessions.open({ epoch: epoch(2), from: [edit] });
        expect(edited.held).toEqual([edit]);
        const used = checkpoint('orders', 4, 9, { edition: 2, epoch: epoch(2) });
        const error = await failure(sessions.open({ epoch: epoch(3), from: [used] }));
        expect(error.kind).toBe('config_error');
        expect(error.remedy).toContain('tidemark state adopt shop');
        expect((await sessions.open({ epoch: epoch(3), from: [used], adopt: true })).held).toEqual([
          used,
        ]);
      });
    });

    describe('a reset of everything', () => {
      const everything = checkpoint('*', 0, 0, { edition: 1_772_366_300_000, state: null });
      const both = [stream('orders'), stream('people')];
      const at = (n: number) => ({ epoch: epoch(n) });

      test('wins over rows that Temporal has never heard of, whatever their edition', async () => {
        const first = await sessions.open({ streams: both });
        await first.load('orders', ['{"id":1}'], checkpoint('orders', 1, 5));
        await first.load('people', ['{"id":1}'], checkpoint('people', 1, 6, { edition: 3 }));
        const reset = await sessions.open({ ...at(2), streams: both, from: [everything] });
        expect(reset.held).toHaveLength(3);
        for (const { state, edition, seq } of reset.held!)
          expect([state, edition, seq]).toEqual([null, everything.edition, 0]);
        expect(await ids()).toEqual(['1']);
      });

      test('counts once: what is committed after it stays, also that of a stream added later', async () => {
        const { edition } = everything;
        await (await sessions.open()).load('orders', ['{"id":1}'], checkpoint('orders', 1, 5));
        const reset = await sessions.open({ ...at(2), from: [everything] });
        await reset.load('orders', ['{"id":2}'], checkpoint('orders', 1, 7, { ...at(2), edition }));
        const added = await sessions.open({ ...at(3), streams: both, from: [everything] });
        expect(cursorOf(added.held, 'orders')).toEqual({ cursor: 7 });
        await added.load('people', ['{"id":3}'], checkpoint('people', 1, 8, at(3)));
        const last = await sessions.open({ ...at(4), streams: both, from: [everything] });
        expect(cursorOf(last.held, 'orders')).toEqual({ cursor: 7 });
        expect(cursorOf(last.held, 'people')).toEqual({ cursor: 8 });
      });

      test('leaves other connections alone', async () => {
        const other = { id: '00000000-0000-4000-8000-000000000002', name: 'other' };
        const theirs = { connection: other, streams: [stream('people')] };
        await (
          await sessions.open(theirs)
        ).load('people', ['{"id":1}'], checkpoint('people', 1, 6));
        await sessions.open({ ...at(2), from: [everything] });
        const again = await sessions.open({ ...theirs, ...at(2) });
        expect(cursorOf(again.held, 'people')).toEqual({ cursor: 6 });
      });
    });

    describe('fences', () => {
      test('refuses an older writer’s commit: neither its rows nor its checkpoint change anything', async () => {
        const old = await sessions.open({ epoch: epoch(1, 1000) });
        const part = await old.sealed('orders', ['{"id":1}']);
        const newer = await sessions.open({ epoch: epoch(1, 2000) });
        const error = await failure(old.loader.commit([part], [checkpoint('orders', 1, 1)], never));
        expect([error.code, error.kind]).toEqual(['fenced', 'transient_error']);
        expect(await ids()).toEqual([]);
        expect(await stored()).toEqual([]);
        await newer.load(
          'orders',
          ['{"id":2}'],
          checkpoint('orders', 1, 2, { epoch: epoch(1, 2000) }),
        );
        expect(await ids()).toEqual(['2']);
      });

      test('fences an open of an older attempt, and sends one of an older sync up', async () => {
        await sessions.open({ epoch: epoch(5, 2000) });
        expect((await failure(sessions.open({ epoch: epoch(5, 1999) }))).code).toBe('fenced');
        const error = await failure(sessions.open({ epoch: epoch(4, 9999) }));
        expect(error.code).toBe('raise');
        expect(error.facts).toEqual({ syncNo: 5 });
      });

      test('refuses a table that another connection owns, until it is adopted', async () => {
        await sessions.open();
        const other = { id: '00000000-0000-4000-8000-000000000002', name: 'other' };
        const error = await failure(sessions.open({ connection: other }));
        expect(error.kind).toBe('config_error');
        expect(error.place).toContain('orders');
        expect(error.remedy).toContain('tidemark state adopt other');
        await sessions.open({ connection: other, adopt: true });
        expect((await failure(sessions.open({ epoch: epoch(2) }))).kind).toBe('config_error');
      });

      tableTest('refuses a table that somebody else made', async () => {
        await harness.query(`CREATE TABLE "${harness.schema}".orders (id int)`);
        const error = await failure(sessions.open());
        expect([error.kind, error.place]).toEqual(['config_error', `${harness.schema}.orders`]);
      });

      test('leaves other connections’ checkpoints alone', async () => {
        const mine = await sessions.open();
        await mine.load('orders', ['{"id":1}'], checkpoint('orders', 1, 5));
        const other = { id: '00000000-0000-4000-8000-000000000002', name: 'other' };
        const theirs = await sessions.open({
          connection: other,
          epoch: epoch(9),
          streams: [stream('people')],
        });
        expect(theirs.held).toEqual([]);
        await mine.load('orders', ['{"id":2}'], checkpoint('orders', 2, 6));
        await theirs.load('people', ['{"id":3}'], checkpoint('people', 1, 6, { epoch: epoch(9) }));
        expect(await ids()).toEqual(['1', '2']);
        expect(await ids('people')).toEqual(['3']);
      });
    });

    describe('parts', () => {
      test('commits interleaved streams apart', async () => {
        const { loader } = await sessions.open({ streams: [stream('orders'), stream('people')] });
        const a = await loader.part(orders, partId(epoch(1), 1));
        const b = await loader.part(streamId({ name: 'people' }), partId(epoch(1), 2));
        for (let i = 0; i < 3; i += 1) {
          await a.append(block('orders', [`{"id":${i}}`]), never);
          await b.append(block('people', [`{"id":${i + 100}}`]), never);
        }
        a.cover();
        const receipt = await loader.commit([await a.seal()], [checkpoint('orders', 1, 1)], never);
        expect(receipt.rows).toEqual({ orders: 3 });
        expect(await ids()).toEqual(['0', '1', '2']);
        expect(await ids('people')).toEqual([]);
        b.cover();
        await loader.commit([await b.seal()], [checkpoint('people', 1, 1)], never);
        expect(await ids('people')).toEqual(['100', '101', '102']);
      });

      test('a part that is committed takes nothing of another whose number begins alike', async () => {
        const { loader } = await sessions.open();
        const sealed = [];
        for (const n of [1, 10]) {
          const part = await loader.part(orders, partId(epoch(1), n));
          await part.append(block('orders', [`{"id":${n}}`]), never);
          part.cover();
          sealed.push(await part.seal());
        }
        for (const [i, part] of sealed.entries())
          await loader.commit([part], [checkpoint('orders', i + 1, i + 1)], never);
        expect(await ids()).toEqual(['1', '10']);
      });

      test('drops what came after the last cover, also when it was sent already', async () => {
        const { loader } = await sessions.open();
        const part = await loader.part(orders, partId(epoch(1), 1));
        await part.append(block('orders', ['{"id":1}']), never);
        part.cover();
        // Larger than any gathering, so that uncovered records have gone out when the part is sealed.
        const filler = 'x'.repeat(1000);
        const many = Array.from({ length: 3000 }, (_, i) => `{"id":${i + 10},"name":"${filler}"}`);
        await part.append(block('orders', many), never);
        await part.append(block('orders', ['{"id":2}']), never);
        const sealed = await part.seal();
        expect(sealed.records).toBe(1);
        const receipt = await loader.commit([sealed], [checkpoint('orders', 1, 1)], never);
        expect(receipt.rows).toEqual({ orders: 1 });
        expect(await ids()).toEqual(['1']);
      });

      test('seals empty what was never covered, and forgets what was discarded', async () => {
        const { loader, load } = await sessions.open();
        const part = await loader.part(orders, partId(epoch(1), 1));
        await part.append(block('orders', ['{"id":1}']), never);
        const sealed = await part.seal();
        expect([sealed.records, sealed.bytes]).toEqual([0, 0]);
        await loader.commit([sealed], [checkpoint('orders', 1, 1)], never);
        const thrown = await loader.part(orders, partId(epoch(1), 2));
        await thrown.append(block('orders', ['{"id":2}']), never);
        await thrown.discard();
        await load('orders', ['{"id":3}'], checkpoint('orders', 2, 2));
        expect(await ids()).toEqual(['3']);
      });

      dedupTest(
        'commits a part of many blocks and several parts of a stream in their order',
        async () => {
          const { loader } = await sessions.open({ streams: [stream('orders', 'append_dedup')] });
          const sealed = [];
          for (let n = 0; n < 2; n += 1) {
            const part = await loader.part(orders, partId(epoch(1), n));
            for (let i = 0; i < 50; i += 1)
              await part.append(block('orders', [`{"id":${i % 5},"name":"${n}-${i}"}`]), never);
            part.cover();
            sealed.push(await part.seal());
          }
          const receipt = await loader.commit(sealed, [checkpoint('orders', 1, 1)], never);
          expect(receipt.rows).toEqual({ orders: 100 });
          expect((await rows('name')).map((row) => row['name'])).toEqual([
            '1-45',
            '1-46',
            '1-47',
            '1-48',
            '1-49',
          ]);
        },
      );

      test('a part that says other records than it holds is not committed', async () => {
        const { loader, sealed } = await sessions.open();
        const part = await sealed('orders', ['{"id":1}', '{"id":2}']);
        const wrong = { ...part, records: part.records + 1 };
        const error = await failure(loader.commit([wrong], [checkpoint('orders', 1, 1)], never));
        expect(error).toMatchObject({ code: 'counts_disagree', facts: { given: 3, loaded: 2 } });
        expect(await ids()).toEqual([]);
        expect(await stored()).toEqual([]);
      });

      test('an abort in the middle of a batch leaves neither rows nor a checkpoint', async () => {
        const { loader, sealed } = await sessions.open();
        const part = await sealed('orders', ['{"id":1}']);
        const abort = new AbortController();
        abort.abort();
        const error = await failure(
          loader.commit([part], [checkpoint('orders', 1, 1)], abort.signal),
        );
        expect([error.code, error.origin]).toEqual(['aborted', 'tidemark']);
        await loader.close();
        await loader.close();
        expect((await sessions.open({ epoch: epoch(1, 2000) })).held).toEqual([]);
        expect(await ids()).toEqual([]);
      });

      test('a record that is no JSON is the source’s failure, told without its contents', async () => {
        const { loader } = await sessions.open();
        const part = await loader.part(orders, partId(epoch(1), 1));
        const line =
          '{"type":"RECORD","record":{"stream":"orders","data":{"id":secret-text},"emitted_at":1}}\n';
        const error = await failure(
          (async () => {
            await part.append(rawBlock('orders', [line]), never);
            part.cover();
            await loader.commit([await part.seal()], [checkpoint('orders', 1, 1)], never);
          })(),
        );
        expect([error.kind, error.origin, error.stream]).toEqual([
          'system_error',
          'source',
          'orders',
        ]);
        expect(JSON.stringify([error.toFailure(), String(error.cause)])).not.toContain(
          'secret-text',
        );
      });
    });

    valueTests(() => ({ harness, sessions, rows }), offers);
    choiceTests(() => ({ harness, sessions, rows }), offers);

    describe('append_dedup', () => {
      const dedup = { streams: [stream('orders', 'append_dedup')] };

      dedupTest('the last record of a key wins, in the batch and over the table', async () => {
        const { load } = await sessions.open(dedup);
        await load(
          'orders',
          ['{"id":1,"name":"a"}', '{"id":2,"name":"b"}', '{"id":1,"name":"c"}'],
          checkpoint('orders', 1, 1),
        );
        const receipt = await load(
          'orders',
          ['{"id":2,"name":"d"}', '{"id":3,"name":"e"}', '{"id":2,"name":"f"}'],
          checkpoint('orders', 2, 2),
        );
        expect(receipt.rows).toEqual({ orders: 3 });
        expect((await rows('id, name')).map((row) => Object.values(row).join())).toEqual([
          '1,c',
          '2,f',
          '3,e',
        ]);
      });

      dedupTest(
        'a delete removes the row, and a later insert in the same batch brings it back',
        async () => {
          const { load } = await sessions.open(dedup);
          await load(
            'orders',
            ['{"id":1,"name":"a"}', '{"id":2,"name":"b"}'],
            checkpoint('orders', 1, 1),
          );
          const gone = '"_ab_cdc_deleted_at":"2024-01-01T00:00:00Z"';
          await load(
            'orders',
            [`{"id":1,${gone}}`, '{"id":1,"name":"again"}', `{"id":2,${gone}}`],
            checkpoint('orders', 2, 2),
          );
          expect(await rows('id, name')).toEqual([{ id: '1', name: 'again' }]);
        },
      );

      dedupTest(
        'a key without a value is a config error that names stream and column',
        async () => {
          const { load } = await sessions.open(dedup);
          const error = await failure(
            load('orders', ['{"id":1}', '{"name":"x"}'], checkpoint('orders', 1, 1)),
          );
          expect([error.kind, error.stream, error.place]).toEqual(['config_error', 'orders', 'id']);
          expect(error.remedy).toContain('append');
          expect(await ids()).toEqual([]);
          expect(await stored()).toEqual([]);
        },
      );

      dedupTest('a stream without a key is a config error', async () => {
        const keyless = stream('orders', 'append_dedup', { primary_key: [] });
        expect((await failure(sessions.open({ streams: [keyless] }))).kind).toBe('config_error');
      });
    });

    test('check passes, and a broken config is told as one', async () => {
      await harness.destination.check(harness.config, never);
      for (const [what, config] of Object.entries(harness.broken)) {
        const error = await failure(harness.destination.check(config, never));
        expect([what, error.kind, error.origin]).toEqual([what, 'config_error', 'destination']);
        expect(error.remedy).toBeDefined();
        const loader = harness.destination.loader(config);
        const opening = loader.open({
          connection,
          catalog: { streams: [] },
          epoch: epoch(1),
          from: [],
          adopt: false,
          rowsMin: 0,
          abort: never,
        });
        expect((await failure(opening)).kind).toBe('config_error');
        await loader.close();
      }
    });
  });
}
