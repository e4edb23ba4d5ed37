import { createSyncClient } from '../../client/index.ts';
import { SyncError, type ConfiguredCatalog, type Policy } from '../../protocol/index.ts';
import { acceptUpdate } from '../../workflows/messages.ts';
import { failureOf, openHouse, type House } from './house.ts';

let house: House;

beforeAll(async () => {
  house = await openHouse();
  await house.worker();
});
afterAll(() => house.close());

const column = (name: string) => ({
  stream: 'orders',
  column: name,
  change: 'added',
  to: 'string',
});
const landingOf = (catalog: ConfiguredCatalog | undefined) =>
  catalog?.streams.map(({ stream, landing }) => [stream.name, landing]);

async function started(schemaChanges?: Policy['schemaChanges']) {
  const policy = schemaChanges === undefined ? {} : { schemaChanges };
  const connected = await house.connect({ policy });
  expect(await connected.syncNow()).not.toHaveProperty('schema');
  connected.world.fields = { note: 'string' };
  connected.world.streams = { orders: 12 };
  return connected;
}

test('by default what the source adds is taken over, and told once', async () => {
  const { world, syncNow, state } = await started();
  const { schema } = await syncNow();
  expect(schema).toMatchObject({ taken: true, count: 1, changes: [column('note')] });
  expect(await syncNow()).not.toHaveProperty('schema');
  expect((await state()).history.map((one) => one.schema?.count)).toEqual([
    undefined,
    1,
    undefined,
  ]);
  expect(landingOf(world.store.catalogs.at(-1))).toEqual([['orders', undefined]]);
});

test('a sync that fails tells the changes all the same, and its retries find them again', async () => {
  const { world, syncNow } = await started();
  let opened = 0;
  world.beforeRecord = () => {
    opened += 1;
    if (opened === 1)
      throw new SyncError('transient_error', 'The source went away.', { origin: 'source' });
  };
  const summary = await syncNow();
  expect(summary.attempts).toBe(2);
  expect(summary.schema).toMatchObject({ count: 1 });
});

test('ignored, it is left out and told at every sync', async () => {
  const { world, syncNow } = await started('ignore');
  world.streams = { ...world.streams, people: 3 };
  for (let n = 0; n < 2; n += 1) {
    const { schema } = await syncNow();
    expect(schema).toMatchObject({ taken: false, count: 2 });
    expect(landingOf(world.store.catalogs.at(-1))).toEqual([['orders', { frozen: true }]]);
  }
  expect([...world.store.rows.keys()]).toEqual(['orders']);
});

test('paused, nothing moves until a person accepts', async () => {
  const { name, world, sync, syncNow, workflow, state } = await started('pause');
  const { failure } = await failureOf((await sync()).result());
  expect(failure).toMatchObject({ kind: 'config_error', origin: 'source' });
  expect(failure.place).toContain('+ orders.note (string)');
  expect(world.store.rows.get('orders' as never)).toHaveLength(10);
  const { schema, attempts } = (await state()).history.at(-1)!;
  expect(schema).toMatchObject({ taken: false, changes: [column('note')] });
  expect(attempts).toBe(1);

  await workflow.executeUpdate(acceptUpdate, { args: [{ changes: 'other' }] });
  await failureOf((await sync()).result());
  expect((await state()).acceptedChanges).toBe('other');

  const client = await createSyncClient({ client: house.client, taskQueue: house.queue });
  expect(await client.acceptSchema(name)).toEqual(schema);
  const summary = await syncNow();
  expect(summary).toMatchObject({ outcome: 'succeeded', records: 2, schema: { taken: true } });
  expect(await state()).not.toHaveProperty('acceptedChanges');
  expect(await syncNow()).not.toHaveProperty('schema');
  await expect(client.acceptSchema(name)).rejects.toMatchObject({
    kind: 'config_error',
    remedy: expect.stringContaining(`tidemark sync ${name}`),
  });
});
