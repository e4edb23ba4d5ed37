import type { AttemptOutcome } from '../../activities/meters.ts';
import { SyncError } from '../../protocol/index.ts';
import { samplesOf } from '../worker/scrape.ts';
import { gate } from './gate.ts';
import { openHouse, until, type House } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await openHouse();
  await house.worker();
});
afterAll(() => house.close());

/** The series of one connection, by what follows `tidemark_`. */
async function seriesOf(name: string, { metrics } = house) {
  const samples = samplesOf(await metrics.text());
  return {
    of: (metric: string): number | undefined =>
      samples.get(`tidemark_${metric}{connection="${name}"}`),
    ended: (outcome: AttemptOutcome): number | undefined =>
      samples.get(`tidemark_attempts_ended_total{connection="${name}",outcome="${outcome}"}`),
  };
}

test('a sync without a checkpoint in its time is overdue until it has one', async () => {
  const door = gate(4);
  const { name, sync } = await house.connect({
    policy: { checkpointAgeMsMax: 1_000 },
    world: { beforeRecord: door.beforeRecord },
  });
  const handle = await sync();
  await until('it is overdue', async () => (await seriesOf(name)).of('checkpoint_overdue') === 1);
  const late = await seriesOf(name);
  expect(late.of('checkpoint_age_seconds')).toBeGreaterThanOrEqual(1);
  expect(late.of('running_syncs')).toBe(1);
  door.open();
  const { records } = await handle.result();
  const series = await seriesOf(name);
  expect(series.of('checkpoint_overdue')).toBe(0);
  expect(series.of('checkpoint_age_seconds')).toBeUndefined();
  expect(series.of('records_committed_total')).toBe(records);
  expect(series.ended('done')).toBe(1);
});

test('over a failed attempt and the one after it, what is committed is counted once, what is read twice is read twice', async () => {
  let failures = 1;
  const { name, world, syncNow } = await house.connect({
    world: {
      beforeRecord: (_, n) => {
        if (n !== 8 || failures === 0) return;
        failures -= 1;
        throw new SyncError('transient_error', 'The source broke.', { origin: 'source' });
      },
    },
  });
  const { records, attempts } = await syncNow();
  expect([records, attempts]).toEqual([10, 2]);
  const series = await seriesOf(name);
  expect(series.of('records_committed_total')).toBe(10);
  expect(series.of('records_read_total')).toBe(
    world.sent.reduce((sum, { orders }) => sum + orders!.length, 0),
  );
  expect(series.of('attempts_started_total')).toBe(2);
  expect([series.ended('failed'), series.ended('done')]).toEqual([1, 1]);
});

test('a cancelled attempt and one that its worker interrupts are told apart', async () => {
  const own = await openHouse();
  try {
    const first = await own.worker();
    const door = gate(8);
    const { name, sync } = await own.connect({ world: { beforeRecord: door.beforeRecord } });
    const interrupted = await sync();
    await until('the source waits', door.isReached);
    await first.shutdown();
    expect((await seriesOf(name, own)).ended('interrupted')).toBe(1);

    await own.worker();
    const started = async () => (await seriesOf(name, own)).of('attempts_started_total');
    await until('another goes on', async () => (await started()) === 2);
    await interrupted.cancel();
    await interrupted.result().catch(() => undefined);
    const series = await seriesOf(name, own);
    expect([series.ended('interrupted'), series.ended('cancelled')]).toEqual([1, 1]);
    expect(series.of('running_syncs')).toBe(0);
  } finally {
    await own.close();
  }
});
