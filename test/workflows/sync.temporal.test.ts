import { SyncError, type SyncFailure } from '../../protocol/index.ts';
import { checkpointsQuery, syncStatusQuery } from '../../workflows/messages.ts';
import { id, upTo } from '../support/items.ts';
import { secret, type World } from '../support/memory-connectors.ts';
import { textIn } from '../support/history-text.ts';
import { failureOf, historyOf, openHouse, rowsOf, until, type House } from './house.ts';

let house: House;

beforeAll(async () => {
  house = await openHouse();
  await house.worker();
});
afterAll(() => house.close());

const cursorOf = ({ store }: World, stream = 'orders'): unknown =>
  store.checkpoints.get(stream)?.state?.stream?.stream_state;

const isAt = (world: World, n: number): boolean =>
  JSON.stringify(cursorOf(world)) === JSON.stringify({ id: n });

/** A failure on the first attempt only. */
function once(fail: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    fail();
  };
}

const lostSource = (): never => {
  throw new SyncError('transient_error', 'The source went away.', { origin: 'source' });
};

test('copies every record once, and the next sync goes on from the last checkpoint', async () => {
  const { world, syncNow, state } = await house.connect();

  const first = await syncNow();
  expect(first).toMatchObject({ outcome: 'succeeded', syncNo: 1, records: 10, attempts: 1 });
  expect(rowsOf(world)).toEqual(upTo(10));

  world.streams = { orders: 13 };
  const second = await syncNow();
  expect(second).toMatchObject({ outcome: 'succeeded', syncNo: 2, records: 3 });
  expect(world.sent).toEqual([{ orders: upTo(10) }, { orders: [11, 12, 13] }]);
  const { checkpoints, history, lease } = await state();
  expect(checkpoints['orders']).toMatchObject({ epoch: { syncNo: 2 }, records: 3 });
  expect(history.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded']);
  expect(lease).toBeNull();
});

test('after a crash the next attempt starts at the last echoed state: states A, B, C after 3, 6, 10', async () => {
  const { world, syncNow } = await house.connect({
    world: { hasState: (n) => [3, 6].includes(n) },
  });
  const crash = once(lostSource);
  world.beforeRecord = async (_, n) => {
    if (n === 7) await until('B is a checkpoint', () => isAt(world, 6));
    if (n === 8) crash();
  };

  const summary = await syncNow();

  expect(world.sent.map(({ orders }) => orders![0])).toEqual([1, 7]);
  expect(rowsOf(world)).toEqual(upTo(10));
  expect(summary).toMatchObject({ outcome: 'succeeded', records: 10, attempts: 2 });
});

test('the states that became checkpoints go back to the source', async () => {
  const { world, syncNow } = await house.connect();
  await syncNow();
  await until('the last one came back', () => world.acknowledged.length > 0);
  expect(world.acknowledged.at(-1)!.state.stream!.stream_state).toEqual({ id: 10 });
});

test('a failed commit is tried again from the last checkpoint, and nothing is written twice', async () => {
  const lost = once(() => {
    throw new SyncError('transient_error', 'The destination went away.', { origin: 'destination' });
  });
  const { world, syncNow } = await house.connect();
  world.faults.commit = (when) => {
    if (when === 'after') lost();
  };

  const summary = await syncNow();

  expect(summary).toMatchObject({ outcome: 'succeeded', attempts: 2 });
  expect(rowsOf(world)).toEqual(upTo(10));
});

test('a config error stops the sync at once and says what to do', async () => {
  const { world, sync, state } = await house.connect({
    world: {
      beforeRecord: () => {
        throw new SyncError('config_error', 'The password is wrong.', {
          origin: 'source',
          remedy: 'Set PASSWORD.',
        });
      },
    },
  });

  const { failure, type, message } = await failureOf((await sync()).result());

  expect(type).toBe('config_error');
  expect(message).toContain('The password is wrong. Set PASSWORD.');
  expect(failure).toMatchObject({
    kind: 'config_error',
    origin: 'source',
    remedy: 'Set PASSWORD.',
  });
  expect(world.reads).toHaveLength(1);
  const { lease, history } = await state();
  expect(lease).toBeNull();
  expect(history).toMatchObject([
    { outcome: 'failed', attempts: 1, failure: { remedy: 'Set PASSWORD.' } },
  ]);
});

test('a sync that makes no progress gives up when its budget is spent, and shows the cause', async () => {
  const { world, sync, state } = await house.connect({
    policy: { attemptsWithoutProgressMax: 2 },
    world: { beforeRecord: lostSource },
  });

  const { failure } = await failureOf((await sync()).result());

  expect(failure).toMatchObject({
    message: 'The source went away.',
    origin: 'source',
    facts: { attemptsWithoutProgress: 2 },
  });
  expect(world.reads).toHaveLength(2);
  expect((await state()).history).toMatchObject([{ outcome: 'failed', attempts: 2 }]);
});

test('progress renews the budget', async () => {
  const { world, syncNow } = await house.connect({ policy: { attemptsWithoutProgressMax: 1 } });
  const failing = [3, 6, 9];
  world.hasState = () => true;
  world.beforeRecord = async (_, n) => {
    if (n !== failing[0]) return;
    await until('the record before it is committed', () => isAt(world, n - 1));
    failing.shift();
    lostSource();
  };

  expect(await syncNow()).toMatchObject({ outcome: 'succeeded', attempts: 4 });
  expect(rowsOf(world)).toEqual(upTo(10));
});

test('a stream without states goes in whole, with a completion checkpoint', async () => {
  const { world, syncNow } = await house.connect({
    world: { fullRefresh: true, streams: { a: 4, b: 3 } },
  });
  expect(await syncNow()).toMatchObject({ records: 7, streamCount: 2 });
  expect(rowsOf(world, 'a')).toEqual(upTo(4));
  expect(world.store.checkpoints.get('b')).toMatchObject({ state: null, complete: true });
});

test('the destination decides where a sync starts, and says so when Temporal was ahead of it', async () => {
  const { world, syncNow, sync } = await house.connect();
  await syncNow();
  const { checkpoints, rows } = world.store;
  // The backup was made when record 5 was the last.
  checkpoints.set('orders', {
    ...checkpoints.get('orders')!,
    seq: 1,
    epoch: { syncNo: 1, at: 0 },
    state: {
      type: 'STREAM',
      stream: { stream_descriptor: { name: 'orders' }, stream_state: { id: 5 } },
    },
  });
  rows.set(id('orders'), rows.get(id('orders'))!.slice(0, 5));

  const handle = await sync();
  await handle.result();

  expect(rowsOf(world)).toEqual(upTo(10));
  const { progress } = await handle.query(syncStatusQuery);
  expect(progress!.notices!.join()).toContain('restored from a backup');
});

test('when the destination knows a later sync than Temporal, the sync begins again above it', async () => {
  const { world, syncNow } = await house.connect();
  const tell = once(() => {
    throw new SyncError('transient_error', 'The destination knows a newer sync.', {
      origin: 'destination',
      code: 'raise',
      facts: { syncNo: 41 },
    });
  });
  world.beforeOpen = tell;
  expect(await syncNow()).toMatchObject({ outcome: 'succeeded', syncNo: 42, records: 10 });
});

test('an unknown connection is a config error that says how to make one', async () => {
  const handle = await house.client.workflow.start('syncWorkflow', {
    workflowId: `sync/${house.queue}`,
    taskQueue: house.queue,
    args: [{ connection: `none-${house.queue}` }],
  });
  const { failure } = await failureOf(handle.result());
  expect(failure.kind).toBe('config_error');
  expect(failure.remedy).toContain('tidemark apply');
});

test('a sync that fails for good once a stream is done is partial, and says which, also of those that it never reached', async () => {
  const { sync, syncNow, state, world } = await house.connect({
    policy: { attemptsWithoutProgressMax: 1 },
    world: { streams: { orders: 5, people: 5, places: 5 } },
  });
  let isAllowed = false;
  world.beforeRecord = (stream) => {
    if (stream !== 'people' || isAllowed) return;
    throw new SyncError('config_error', 'No permission for people.', {
      origin: 'source',
      stream: 'people',
    });
  };
  const { failure } = await failureOf((await sync()).result());
  expect(failure).toMatchObject({ kind: 'config_error', stream: 'people' });
  const [past] = (await state()).history;
  expect(past).toMatchObject({ outcome: 'partial', records: 5, failure: { stream: 'people' } });
  expect(past!.streams.map(({ stream, status }) => [stream, status])).toEqual([
    ['orders', 'COMPLETE'],
    ['people', null],
    ['places', null],
  ]);
  expect(past!.streamCount).toBe(3);

  isAllowed = true;
  expect(await syncNow()).toMatchObject({ outcome: 'succeeded', records: 10 });
  expect(world.sent.at(-1)).toEqual({ people: [1, 2, 3, 4, 5], places: [1, 2, 3, 4, 5] });
});

test('no record and no secret is in any history, not even in the message of a failure', async () => {
  const { world, name, sync } = await house.connect();
  world.hasState = () => true;
  const leak = once(() => {
    throw new SyncError('transient_error', `Cannot log in with ${secret}.`, {
      origin: 'source',
      facts: { url: `postgres://me:${secret}@db` },
    });
  });
  world.beforeRecord = (_, n) => {
    if (n === 4) leak();
  };
  const handle = await sync();
  await handle.result();

  const texts = await Promise.all(
    [`sync/${name}`, `connection/${name}`].map(async (one) =>
      textIn(await historyOf(house.client, one)),
    ),
  );
  const text = texts.join('\n');
  expect(text).toContain('stream_state');
  expect(text).not.toContain(secret);
  expect(text).not.toContain('"RECORD"');
  expect(await handle.query(checkpointsQuery)).toMatchObject([{ scope: 'orders', records: 10 }]);
});

test('a host-bound connection is tied to the label of the worker whose check passes', async () => {
  const { syncNow, state, world } = await house.connect({ destination: 'memory-file' });
  const checked: string[] = [];
  world.check = (end) => void checked.push(end);
  await syncNow();
  const { label } = await state();
  expect(label).toMatch(/^host-/);
  expect(checked.sort()).toEqual(['destination', 'source']);
});

test('probes check, discover, list and read logs, within their bounds', async () => {
  const { name, world } = await house.connect();
  world.check = (end) => {
    if (end === 'source')
      throw new SyncError('config_error', `No: ${secret}`, { origin: 'source' });
  };
  const { value } = await house.probe({ kind: 'check', connection: name });
  expect(value).toMatchObject([
    { end: 'source', ok: false, failure: { message: 'No: ***' } },
    { end: 'destination', ok: true },
  ]);
  const discovered = await house.probe({ kind: 'discover', connection: name });
  expect(discovered).toMatchObject({ truncated: false, value: { streams: [{ name: 'orders' }] } });
  const connectors = await house.probe({ kind: 'connectors' });
  expect(connectors.value).toHaveLength(3);
  const failed = await failureOf(house.probe({ kind: 'check', connection: 'nobody' }));
  const expected: Partial<SyncFailure> = { kind: 'config_error' };
  expect(failed.failure).toMatchObject(expected);
});
