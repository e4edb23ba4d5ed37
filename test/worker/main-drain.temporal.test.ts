import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { statusQuery } from '../../workflows/messages.ts';
import { eventually } from './eventually.ts';
import { freshQueue, openSlowRoom, type SlowRoom, type WorkerProcess } from './slow-room.ts';
import { slowRecords as records } from './slow-source.ts';

const testMsMax = 120_000;

let room: SlowRoom;
beforeAll(async () => {
  room = await openSlowRoom();
});
afterAll(() => room?.close());

const startWorker = (taskQueue: string): WorkerProcess =>
  room.worker({ TEMPORAL_ADDRESS: room.address, TIDEMARK_TASK_QUEUE: taskQueue });

test(
  'SIGTERM in the middle of a sync drains to a checkpoint, and the next worker goes on from there',
  async () => {
    const taskQueue = freshQueue();
    const { entity, sync: startSync } = await room.connect(taskQueue);
    const first = startWorker(taskQueue);
    const committed = async (): Promise<number> => {
      const { checkpoints } = await entity.query(statusQuery).catch((cause: unknown) => {
        throw new Error(`The connection does not answer: ${first.output()}`, { cause });
      });
      return Object.values(checkpoints)[0]?.records ?? 0;
    };

    const sync = await startSync();
    await eventually('there is a checkpoint', async () => (await committed()) > 0, 60_000);
    first.child.kill('SIGTERM');
    const [code] = (await once(first.child, 'exit')) as [number];
    expect({ code, output: first.output() }).toMatchObject({ code: 0 });

    const second = startWorker(taskQueue);
    await eventually('the second worker is ready', () => second.output().includes('Worker ready'));
    const drainedAt = await committed();
    expect(drainedAt).toBeLessThan(records);
    await sync.result();
    expect(await committed()).toBe(records);
    const runs = (await readFile(join(room.directory, 'runs.txt'), 'utf8')).trim().split('\n');
    expect(runs).toEqual(['0', String(drainedAt)]);
    second.child.kill('SIGTERM');
    expect((await once(second.child, 'exit'))[0]).toBe(0);
  },
  testMsMax,
);
