import { createMeter } from '../../engine/meter.ts';
import { createPipe } from '../../engine/pipe.ts';
import type { Checkpoint, Counts } from '../../protocol/index.ts';
import { block, end, id, status, streamState } from '../support/items.ts';

const [A, B] = [id('a'), id('b')];
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
  const meter = createMeter(
    [at(A, { records: 5, bytes: 50 }), at(B, { records: 9, bytes: 9 }, 1)],
    2,
  );
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

test('stopping a tapped pipe early does not wait for an item', async () => {
  const meter = createMeter([], 1);
  const pipe = createPipe({ bytesMax: 1 });
  const iterator = meter.tap(pipe.items())[Symbol.asyncIterator]();
  const next = iterator.next();
  await iterator.return?.();
  await expect(next).rejects.toMatchObject({ code: 'aborted' });
});
