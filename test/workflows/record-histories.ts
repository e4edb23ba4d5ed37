import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { SyncError } from '../../protocol/index.ts';
import {
  configureUpdate,
  editUpdate,
  pauseUpdate,
  refreshUpdate,
  resumeUpdate,
  syncStatusQuery,
} from '../../workflows/messages.ts';
import { id } from '../support/items.ts';
import { openHouse, until, type House } from './house.ts';

/**
 * Records histories of real runs, for replay.test.ts. Needs TEST_TEMPORAL_ADDRESS. Histories of released workflows are kept for ever:
 * record new ones beside them, into a folder of their own.
 */
export async function recordHistories(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const house = await openHouse();
  try {
    await house.worker();
    const save = async (name: string, workflowId: string, runId?: string): Promise<void> => {
      const history = await house.client.workflow.getHandle(workflowId, runId).fetchHistory();
      await writeFile(join(directory, `${name}.json`), `${historyToJSON(history)}\n`);
    };
    await retried(house, save);
    await cancelled(house, save);
    await refused(house, save);
    await unbound(house, save);
    await segmented(house, save);
    await refreshed(house, save);
    await paused(house, save);
  } finally {
    await house.close();
  }
}

type Save = (name: string, workflowId: string, runId?: string) => Promise<void>;

async function retried(house: House, save: Save): Promise<void> {
  const { name, world, sync, workflow, spec, syncNow } = await house.connect();
  let failed = false;
  world.beforeRecord = (_, n) => {
    if (n !== 8 || failed) return;
    failed = true;
    throw new SyncError('transient_error', 'The source went away.', { origin: 'source' });
  };
  await (await sync()).result();
  await save('sync-retried', `sync/${name}`);
  await workflow.executeUpdate(editUpdate, {
    args: [{ scope: id('orders'), state: null, reason: 'recorded' }],
  });
  await workflow.executeUpdate(configureUpdate, {
    args: [{ ...spec, streams: [{ name: 'orders' }] }],
  });
  await syncNow();
  await save('connection', workflow.workflowId);
  await house.probe({ kind: 'check', connection: name });
}

async function cancelled(house: House, save: Save): Promise<void> {
  const { name, world, sync } = await house.connect();
  let waits = false;
  world.beforeRecord = async (_, n, { abort }) => {
    if (n !== 8) return;
    waits = true;
    await new Promise<void>((resolve) => abort.addEventListener('abort', () => resolve()));
  };
  const handle = await sync();
  await until('it runs', () => waits);
  const skipped = await sync(`sync/${name}-second`);
  await skipped.result();
  await save('sync-skipped', skipped.workflowId);
  await handle.cancel();
  await handle.result().catch(() => undefined); // cancelled, as asked
  await save('sync-cancelled', handle.workflowId);
}

async function refused(house: House, save: Save): Promise<void> {
  const { name, sync } = await house.connect({
    world: {
      beforeRecord: () => {
        throw new SyncError('config_error', 'The source refuses.', { origin: 'source' });
      },
    },
  });
  await (await sync()).result().catch(() => undefined); // failed, as meant
  await save('sync-failed', `sync/${name}`);
}

/** No worker can run it. */
async function unbound(house: House, save: Save): Promise<void> {
  const { name, sync } = await house.connect({
    destination: 'memory-file',
    world: {
      check: () => {
        throw new SyncError('config_error', 'The file is elsewhere.', { origin: 'destination' });
      },
    },
  });
  await (await sync()).result().catch(() => undefined); // failed, as meant
  await save('sync-unbound', `sync/${name}`);
}

async function segmented(house: House, save: Save): Promise<void> {
  const { name, world, sync } = await house.connect({
    policy: { segmentMsMax: 600 },
    world: { hasState: () => true },
  });
  world.beforeRecord = () => new Promise((resolve) => setTimeout(resolve, 100));
  const handle = await sync();
  const { runId } = await handle.describe();
  await handle.result();
  await save('sync-segment-first', `sync/${name}`, runId);
  await save('sync-segment-last', `sync/${name}`);
}

async function refreshed(house: House, save: Save): Promise<void> {
  const { name, workflow, syncNow } = await house.connect();
  await syncNow();
  for (const manner of ['replace', 'clear'] as const) {
    const request = { streams: [id('orders')], manner, reason: 'recorded' };
    await workflow.executeUpdate(refreshUpdate, { args: [request] });
    await syncNow();
  }
  await save('sync-clear', `sync/${name}`);
  await save('connection-refreshed', workflow.workflowId);
}

/** Resumed: it goes on in another run. Cancelled: it ends in the one that waits. And one that never began. */
async function paused(house: House, save: Save): Promise<void> {
  for (const end of ['resumed', 'cancelled'] as const) {
    const { name, world, sync, workflow, syncNow } = await house.connect();
    let waits = false;
    world.beforeRecord = async (_, n, { abort }) => {
      if (n !== 8 || waits) return;
      waits = true;
      await new Promise<void>((resolve) => abort.addEventListener('abort', () => resolve()));
    };
    const handle = await sync();
    const { runId } = await handle.describe();
    await until('it runs', () => waits);
    await workflow.executeUpdate(pauseUpdate, { args: [{ note: 'recorded', by: 'a test' }] });
    await until('it waits', async () => {
      const { pendingActivities } = (await handle.describe()).raw;
      const { paused: found } = await handle.query(syncStatusQuery);
      return found !== undefined && (pendingActivities ?? []).length === 0;
    });
    if (end === 'cancelled') await handle.cancel();
    else await workflow.executeUpdate(resumeUpdate);
    await handle.result().catch(() => undefined); // cancelled, as asked
    await save(`sync-paused-${end}`, `sync/${name}`, runId);
    if (end === 'resumed') continue;
    await syncNow();
    await save('sync-paused-skipped', `sync/${name}`);
    await workflow.executeUpdate(resumeUpdate);
    await syncNow();
    await save('connection-paused', workflow.workflowId);
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) await recordHistories(argv[2] ?? 'test/histories');
