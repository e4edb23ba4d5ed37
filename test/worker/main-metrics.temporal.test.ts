import { once } from 'node:events';
import type { SyncSummary } from '../../protocol/index.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { samplesOf, type Samples } from './scrape.ts';
import { freshQueue, openSlowRoom, type SlowRoom, type WorkerProcess } from './slow-room.ts';
import { slowRecords } from './slow-source.ts';

const testMsMax = 120_000;
const syncMsMax = 60_000;

let room: SlowRoom;
beforeAll(async () => {
  room = await openSlowRoom();
});
afterAll(() => room?.close());

interface ObservedWorker extends WorkerProcess {
  readonly queue: string;
  readonly get: (path: string) => Promise<readonly [number, string]>;
  readonly scrape: () => Promise<Samples>;
  /** Temporal's own. */
  readonly temporal: () => Promise<string>;
}

async function startWorker(address: string): Promise<ObservedWorker> {
  const queue = freshQueue();
  const metrics = `127.0.0.1:${await freePort()}`;
  const temporal = `127.0.0.1:${await freePort()}`;
  const worker = room.worker({
    TEMPORAL_ADDRESS: address,
    TIDEMARK_TASK_QUEUE: queue,
    TIDEMARK_METRICS_ADDRESS: metrics,
    TIDEMARK_TEMPORAL_METRICS_ADDRESS: temporal,
    TIDEMARK_LOG_FORMAT: 'json',
    TIDEMARK_LOG_LEVEL: 'DEBUG',
  });
  const text = async (url: string): Promise<readonly [number, string]> => {
    const response = await fetch(url);
    return [response.status, (await response.text()).trim()];
  };
  const get = (path: string) => text(`http://${metrics}${path}`);
  await eventually('its endpoint answers', () =>
    get('/healthz').then(
      () => true,
      () => false,
    ),
  );
  return {
    ...worker,
    ...{ queue, get },
    scrape: async () => samplesOf((await get('/metrics'))[1]),
    temporal: async () => (await text(`http://${temporal}/metrics`))[1],
  };
}

test('a worker that waits for Temporal lives, and is not ready', async () => {
  const worker = await startWorker('127.0.0.1:1');
  expect(await worker.get('/healthz')).toEqual([200, 'ok']);
  expect(await worker.get('/readyz')).toEqual([503, 'The worker is starting.']);
  worker.child.kill('SIGTERM');
  expect((await once(worker.child, 'exit'))[0]).toBe(0);
});

test(
  'metrics and health tell of a sync while it runs, when it has ended, and while one drains',
  async () => {
    const worker = await startWorker(room.address);
    await eventually('ready', async () => (await worker.get('/readyz'))[0] === 200);
    const { name, sync } = await room.connect(worker.queue);
    const of = (samples: Samples, metric: string): number =>
      samples.get(`tidemark_${metric}{connection="${name}"}`) ?? 0;
    const ended = (samples: Samples, outcome: string): number | undefined =>
      samples.get(`tidemark_attempts_ended_total{connection="${name}",outcome="${outcome}"}`);

    const first = await sync();
    let during: Samples = new Map();
    await eventually(
      'something is committed',
      async () => of((during = await worker.scrape()), 'records_committed_total') > 0,
      syncMsMax,
    );
    expect(of(during, 'running_syncs')).toBe(1);
    expect(during.get('tidemark_write_slots_used')).toBe(1);
    expect(during.has(`tidemark_checkpoint_age_seconds{connection="${name}"}`)).toBe(true);
    expect(of(during, 'checkpoint_overdue')).toBe(0);
    expect(of(during, 'records_read_total')).toBeGreaterThanOrEqual(
      of(during, 'records_committed_total'),
    );
    expect(await worker.get('/healthz')).toEqual([200, 'ok']);
    expect(await worker.get('/readyz')).toEqual([200, 'ok']);

    const summary = (await first.result()) as SyncSummary;
    const after = await worker.scrape();
    expect(summary.records).toBe(slowRecords);
    expect(of(after, 'records_committed_total')).toBe(summary.records);
    expect(of(after, 'bytes_committed_total')).toBe(summary.bytes);
    expect(of(after, 'records_read_total')).toBe(slowRecords);
    const commits = of(after, 'commit_duration_seconds_count');
    expect(commits).toBeGreaterThan(0);
    // One stream: one checkpoint a commit.
    expect(of(after, 'checkpoints_total')).toBe(commits);
    expect(of(after, 'attempts_started_total')).toBe(1);
    expect(ended(after, 'done')).toBe(1);
    expect(of(after, 'running_syncs')).toBe(0);
    expect(after.get('tidemark_write_slots_used')).toBe(0);
    expect(after.get('process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(await worker.temporal()).toMatch(/^temporal_\w+_total\{.*activity_type="write"/m);

    const other = await room.connect(worker.queue);
    const second = await other.sync();
    await eventually(
      'the second one runs',
      async () =>
        ((await worker.scrape()).get(
          `tidemark_records_committed_total{connection="${other.name}"}`,
        ) ?? 0) > 0,
      syncMsMax,
    );
    worker.child.kill('SIGTERM');
    let health: readonly [number, string] = [200, ''];
    let draining: Samples | null = null;
    await eventually('it drains', async () => {
      health = await worker.get('/healthz');
      if (health[0] === 200) return false;
      draining = await worker.scrape();
      return true;
    });
    expect(health).toEqual([503, 'The worker is shutting down.']);
    expect(draining).not.toBeNull();
    expect((await once(worker.child, 'exit'))[0]).toBe(0);
    await second.terminate();

    const lines = worker
      .logged()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of lines)
      expect(line).toMatchObject({ time: expect.any(String), message: expect.any(String) });
    for (const activityType of ['write', 'read'])
      expect(lines).toContainEqual(
        expect.objectContaining({ activityType, connection: name, sync: 1, attempt: 1 }),
      );
    expect(lines).toContainEqual(
      expect.objectContaining({ activityType: 'begin', connection: name, attempt: 1 }),
    );
  },
  testMsMax,
);

test('an address that is taken ends the process with code 2 and the setting to change', async () => {
  const first = await startWorker('127.0.0.1:1');
  const taken = new URL(first.logged().match(/http:\/\/[\d.:]+/)![0]).host;
  for (const variable of ['TIDEMARK_METRICS_ADDRESS', 'TIDEMARK_TEMPORAL_METRICS_ADDRESS']) {
    const second = room.worker({ [variable]: taken });
    expect((await once(second.child, 'close'))[0]).toBe(2);
    expect(second.logged()).toContain(`${variable} ${taken}: `);
  }
  first.child.kill('SIGTERM');
  await once(first.child, 'exit');
});
