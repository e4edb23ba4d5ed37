import { configRoad } from '../../activities/config-road.ts';
import type { ConfigRoad } from '../../activities/deps.ts';
import { configureUpdate, forgetUpdate, statusQuery } from '../../workflows/messages.ts';
import { textIn } from '../support/history-text.ts';
import { failureOf, historyOf, openHouse, type Connected, type House } from './house.ts';

let house: House;

beforeAll(async () => {
  house = await openHouse();
  await house.worker({ onlyControl: true });
});
afterAll(() => house.close());

const update: Parameters<ConfigRoad['remember']>[0] = {
  ...{ connector: 'memory-source', over: 0, keys: ['/password'], keyId: 'k' },
  ...{ end: 'source', sealed: 'tidemark1:k:AA' },
};

async function roadTo({ state, name }: Connected, epoch?: ConfigRoad['epoch']) {
  const { connectionId } = await state();
  return configRoad(house.client, { id: connectionId, name }, epoch);
}

const eventsOf = async ({ workflow }: Connected): Promise<number> =>
  (await historyOf(house.client, workflow.workflowId)).events!.length;

test('an update is kept with its epoch; one built on an older one is answered with the newest, and costs no history', async () => {
  const connected = await house.connect();
  const epoch = { syncNo: 1, at: 5 };
  const [road, probe] = [await roadTo(connected, epoch), await roadTo(connected)];
  expect(await road.held('source')).toBeNull();
  expect(await road.remember(update)).toEqual({ type: 'kept' });
  const held = await probe.held('source');
  expect(held).toMatchObject({ no: 1, keys: ['/password'], sealed: update.sealed, epoch });
  const before = await eventsOf(connected);
  expect(await probe.remember(update)).toEqual({ type: 'superseded', by: held });
  expect(await eventsOf(connected)).toBe(before);
  expect(await probe.remember({ ...update, over: 1 })).toEqual({ type: 'kept' });
  expect(await probe.held('source')).not.toHaveProperty('epoch');
  expect(await probe.held('destination')).toBeNull();
});

test('what is of another connection of that name is refused, and nothing of it is in the history', async () => {
  const connected = await house.connect();
  const road = configRoad(house.client, { id: 'deleted', name: connected.name });
  const sealed = 'tidemark1:k:of-another';
  await expect(road.remember({ ...update, sealed })).rejects.toMatchObject({
    kind: 'config_error',
    message: 'This update is of another connection.',
  });
  const history = await historyOf(house.client, connected.workflow.workflowId);
  expect(textIn(history)).not.toContain('of-another');
});

test('a person who applies another value at its key, or forgets it, drops it', async () => {
  const connected = await house.connect();
  const { workflow, spec } = connected;
  const road = await roadTo(connected);
  await road.remember(update);
  const configure = (config: object) =>
    workflow.executeUpdate(configureUpdate, {
      args: [{ ...spec, source: { ...spec.source, config: { ...spec.source.config, ...config } } }],
    });
  await configure({ more: 1 });
  expect(await road.held('source')).toMatchObject({ no: 1, sealed: update.sealed });
  await configure({ password: '${env:OTHER}' });
  expect(await road.held('source')).toMatchObject({
    sealed: null,
    dropped: { because: 'applied' },
  });
  await road.remember({ ...update, over: 2 });
  expect(await workflow.executeUpdate(forgetUpdate, { args: [null] })).toEqual(['source']);
  const { updates } = await workflow.query(statusQuery);
  expect(updates?.source).toMatchObject({ no: 4, sealed: null, dropped: { because: 'forgotten' } });
  const wrong = workflow.executeUpdate(forgetUpdate, { args: [{ end: 'both' as 'source' }] });
  expect((await failureOf(wrong)).failure.message).toContain('no such end');
});
