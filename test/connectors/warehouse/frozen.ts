import { connectionHash } from '../../../connectors/kit/warehouse/ledger.ts';
import { WarehouseLoader } from '../../../connectors/kit/warehouse/loader.ts';
import type { Warehouse } from '../../../connectors/kit/warehouse/warehouse.ts';
import {
  checkpoint,
  connection,
  cursorOf,
  epoch,
  failure,
  never,
  Sessions,
  stream,
  type Harness,
} from '../harness.ts';
import { gate, hooked, type Hook } from './hooks.ts';

const other = { id: '00000000-0000-4000-8000-000000000002', name: 'other' };

/** What becomes of a writer that stops in the middle of its transaction, with all its locks, and goes on later. */
export function frozenSuite<C>(options: {
  readonly name: string;
  create(): Promise<Harness<C>>;
  warehouse(config: C): Warehouse;
}): void {
  describe(`${options.name}: a writer that is frozen inside its transaction`, () => {
    let harness: Harness<C>;
    let sessions: Sessions<C>;
    let hooks: Hook[];
    beforeEach(async () => {
      hooks = [];
      const made = await options.create();
      const loader = (config: C) =>
        new WarehouseLoader(hooked(options.warehouse(config), () => hooks));
      harness = { ...made, destination: { ...made.destination, loader } };
      sessions = new Sessions(harness);
    });
    afterEach(async () => {
      await sessions.close();
      await harness.drop();
    });

    const streams = [stream('orders', 'append_dedup')];
    const ids = async (): Promise<unknown[]> =>
      (await harness.query(`SELECT id FROM "${harness.schema}"."orders" ORDER BY id`)).map(
        ({ id }) => id,
      );
    const frozenAt = (sql: RegExp) => {
      const frozen = gate();
      hooks.push({ sql, run: frozen.hold });
      return frozen;
    };

    test.each([
      ['all is written', /^COMMIT/],
      ['its checkpoints are', /^DELETE FROM (?!\S*_tidemark)/i],
    ])('once %s, is ended by the next one; nothing of its own is ever seen', async (_, before) => {
      const one = await sessions.open({ streams });
      await one.load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
      const frozen = frozenAt(before);
      const late = failure(one.load('orders', ['{"id":2}'], checkpoint('orders', 2, 2)));
      await frozen.reached;
      const two = await sessions.open({ streams, epoch: epoch(1, 2000) });
      expect(cursorOf(two.held, 'orders')).toEqual({ cursor: 1 });
      await two.load('orders', ['{"id":3}'], checkpoint('orders', 2, 3));
      frozen.open();
      expect((await late).code).toBe('fenced');
      expect(await ids()).toEqual(['1', '3']);
      const { held } = await sessions.open({ streams, epoch: epoch(2) });
      expect(cursorOf(held, 'orders')).toEqual({ cursor: 3 });
    });

    test('is left alone by writers of other connections, of its own epoch, and by earlier ones', async () => {
      const one = await sessions.open({ streams, epoch: epoch(2) });
      const frozen = frozenAt(/^COMMIT/);
      const committed = one.load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
      await frozen.reached;
      await sessions.open({
        ...{ connection: other, streams: [stream('others')], epoch: epoch(9) },
      });
      for (const at of [epoch(2), epoch(1, 9000)]) {
        const warehouse = options.warehouse(harness.config);
        const session = await warehouse.connect(never, { connection, epoch: at });
        await warehouse.takeOver!(session, connectionHash(connection), at);
        await session.close();
      }
      frozen.open();
      await committed;
      expect(await ids()).toEqual(['1']);
    });
  });
}
