import { createMeter } from '../../engine/meter.ts';
import { createPipe } from '../../engine/pipe.ts';
import { progress as sampleProgress } from '../client/samples.ts';
import {
  lossesOf,
  type Checkpoint,
  type Counts,
  type Item,
  type StreamId,
  type StreamStatus,
  type TraceMessage,
} from '../../protocol/index.ts';
import { block, catalogOf, configured, end, id, status, streamState } from '../support/items.ts';

const [A, B] = [id('a'), id('b')];
const both = catalogOf(configured(A), configured(B));
const epoch = { syncNo: 2, at: 1 };
const at = (scope: Checkpoint['scope'], counts: Counts, syncNo = 2): Checkpoint => ({
  scope,
  edition: 0,
  epoch: { ...epoch, syncNo },
  seq: 1,
  state: null,
  ...counts,
  committedAt: '2026-01-01T00:00:00.000Z',
});

test('counts what was read and committed per stream, the most recently active first', async () => {
  const meter = createMeter({
    start: [at(A, { records: 5, bytes: 50 }), at(B, { records: 9, bytes: 9 }, 1)],
    syncNo: 2,
    catalog: both,
  });
  const pipe = createPipe({ bytesMax: 1e6 });
  const blocks = [block(B, 1, 2), block(A, 6, 8)];
  for (const item of [blocks[0]!, status(B, 'RUNNING'), blocks[1]!, streamState(A, 1), end()])
    await pipe.push(item);
  for await (const item of meter.tap(pipe.items())) expect(item).toBeDefined();
  const [a, b] = [blocks[1]!.bytes.byteLength, blocks[0]!.bytes.byteLength];
  expect(meter.read).toEqual({ records: 5, bytes: a + b });
  expect(meter.committed).toEqual({ records: 5, bytes: 50 });
  expect(meter.waiting).toEqual({ states: 1, bytes: a + b });
  meter.echo({
    state: null,
    checkpoint: at(A, { records: 8, bytes: 80 }),
    receipt: { rows: { [A]: 3 }, nulled: { [A]: 1 } },
  });
  expect(meter.committed).toEqual({ records: 8, bytes: 80 });
  expect(meter.waiting).toEqual({ states: 0, bytes: 0 });
  expect(meter.streams()).toMatchObject([
    { stream: A, records: 3, nulled: 1, committed: { records: 8 } },
    { stream: B, records: 2, status: 'RUNNING' },
  ]);
});

test('what was lost is counted over the attempts of a sync, once it is committed', async () => {
  const losses = { [A]: { nulled: 2, rejected: 1 }, '*': { nulled: 0, rejected: 4 } };
  const meter = createMeter({ start: [at(A, counts(5))], syncNo: 2, catalog: both, losses });
  expect(meter.rejected).toBe(5);
  const receipt = { rows: {}, nulled: { [A]: 3 }, rejected: { [A]: 2, [B]: 1, '*': 1 } };
  meter.echo({ ...echoOf(at(A, counts(8))), receipt });
  expect(meter.rejected).toBe(9);
  const told = meter.streams();
  expect(told.find(({ stream }) => stream === A)).toMatchObject({ nulled: 5, rejected: 3 });
  expect(told.find(({ stream }) => stream === B)).toMatchObject({ nulled: 0, rejected: 1 });
  const shown = { ...sampleProgress(), streams: told, rejected: meter.rejected };
  expect(lossesOf(shown)).toEqual({
    [A]: { nulled: 5, rejected: 3 },
    [B]: { nulled: 0, rejected: 1 },
    '*': { nulled: 0, rejected: 5 },
  });
  expect(lossesOf(sampleProgress())).toEqual({});
});

const limited = (stream: StreamId, value: StreamStatus, reset?: unknown): TraceMessage => {
  const message = status(stream, value);
  const rate_limited = { quota_reset: reset as number };
  return {
    ...message,
    trace: {
      ...message.trace,
      stream_status: {
        ...message.trace.stream_status!,
        reasons: [{ type: 'RATE_LIMITED', ...(reset !== undefined && { rate_limited }) }],
      },
    },
  };
};

test('knows which stream waits longest for its rate limit, until its records or another status come', async () => {
  const meter = createMeter({ start: [], syncNo: 1, catalog: both });
  const soon = Date.now() + 60_000;
  await pass(meter, limited(A, 'RUNNING', soon), limited(B, 'RUNNING', soon + 1));
  expect(meter.limit).toEqual({ stream: B, resetMs: soon + 1 });
  await pass(meter, block(B, 1, 1));
  expect(meter.limit).toEqual({ stream: A, resetMs: soon });
  // What a source says of each stream as it gives up.
  await pass(meter, status(A, 'INCOMPLETE'));
  expect(meter.limit).toEqual({ stream: A, resetMs: soon });
  await pass(meter, status(A, 'RUNNING'));
  expect(meter.limit).toBeNull();
});

test('a rate limit whose time is up is none; one without a time, or with what is none, has no end', async () => {
  const meter = createMeter({ start: [], syncNo: 1, catalog: both });
  await pass(meter, limited(A, 'RUNNING', Date.now() - 1));
  expect(meter.limit).toBeNull();
  for (const nothing of [undefined, 'soon', Number.NaN, 1e300, -5]) {
    await pass(meter, limited(A, 'RUNNING', nothing));
    expect(meter.limit).toEqual({ stream: A, resetMs: null });
  }
});

test('stopping a tapped pipe early does not wait for an item', async () => {
  const meter = createMeter({ start: [], syncNo: 1, catalog: both });
  const pipe = createPipe({ bytesMax: 1 });
  const iterator = meter.tap(pipe.items())[Symbol.asyncIterator]();
  const next = iterator.next();
  await iterator.return?.();
  await expect(next).rejects.toMatchObject({ code: 'aborted' });
});

async function pass(meter: ReturnType<typeof createMeter>, ...items: Item[]): Promise<void> {
  const pipe = createPipe({ bytesMax: 1e6 });
  for (const item of [...items, end()]) await pipe.push(item);
  for await (const item of meter.tap(pipe.items())) expect(item).toBeDefined();
}
const statuses = (meter: ReturnType<typeof createMeter>): object =>
  Object.fromEntries(meter.streams().map(({ stream, status: shown }) => [stream, shown]));
const counts = (records: number): Counts => ({ records, bytes: records });
const echoOf = (checkpoint: Checkpoint) => ({ state: null, checkpoint });

test('a stream is complete once all that the source sent of it is durable, and one that never came is told', async () => {
  const meter = createMeter({
    start: [at(A, counts(5))],
    syncNo: 2,
    catalog: catalogOf(configured(A), configured(B), configured(id('c'))),
  });
  await pass(meter, block(A, 6, 8), status(A, 'COMPLETE'), block(B, 1, 2), status(B, 'STARTED'));
  expect(statuses(meter)).toEqual({ a: 'RUNNING', b: 'STARTED', c: null });
  meter.echo(echoOf(at(A, counts(7))));
  expect([meter.streamsDone, meter.streamCount]).toEqual([0, 3]);
  meter.echo(echoOf(at(A, counts(8))));
  expect(statuses(meter)).toEqual({ a: 'COMPLETE', b: 'STARTED', c: null });
  expect(meter.streamsDone).toBe(1);
});

test('what is read in full or replaces its data is complete by its checkpoint, unless success is proven', async () => {
  const full = configured(A, 'full_refresh');
  const replacing = { ...configured(B), generation_id: 2, minimum_generation_id: 2 };
  const meter = createMeter({ start: [], syncNo: 2, catalog: catalogOf(full, replacing) });
  await pass(meter, block(A, 1, 3), status(A, 'COMPLETE'), status(B, 'COMPLETE'));
  meter.echo(echoOf(at(A, counts(3))));
  expect(statuses(meter)).toEqual({ a: 'RUNNING', b: 'RUNNING' });
  meter.echo(echoOf({ ...at(A, counts(3)), complete: true }));
  expect(statuses(meter)).toEqual({ a: 'COMPLETE', b: 'RUNNING' });
  meter.prove();
  expect(meter.streamsDone).toBe(2);
});

test('what earlier attempts of the sync have done stays so until the source begins it anew', async () => {
  const left = { ...at(id('c'), counts(1)), complete: true as const };
  const meter = createMeter({
    start: [left],
    syncNo: 2,
    catalog: both,
    done: [A, id('elsewhere')],
  });
  expect(statuses(meter)).toEqual({ a: 'COMPLETE', b: null, c: 'COMPLETE' });
  expect([meter.streamsDone, meter.streamCount]).toEqual([2, 3]);
  await pass(meter, status(A, 'STARTED'));
  expect(meter.streamsDone).toBe(1);
});

test('under states of all streams that list none, only success tells', async () => {
  const meter = createMeter({ start: [], syncNo: 2, catalog: both });
  await pass(meter, block(A, 1, 2), status(A, 'COMPLETE'));
  meter.echo(echoOf(at('*', counts(2))));
  expect(meter.streamsDone).toBe(0);
  meter.echo(echoOf({ ...at('*', counts(2)), byStream: { [A]: counts(2) } }));
  expect(meter.streamsDone).toBe(1);
});
