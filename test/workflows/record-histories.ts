import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { SyncError } from '../../protocol/index.ts';
import {
  configureUpdate,
  editUpdate,
  forgetUpdate,
  hostQueue,
  pauseUpdate,
  refreshUpdate,
  rememberUpdate,
  resumeUpdate,
  syncStatusQuery,
  type RememberRequest,
} from '../../workflows/messages.ts';
import { startDevServer } from '../../worker/dev-server.ts';
import { id } from '../support/items.ts';
import { openHouse, until, type House } from './house.ts';

/**
 * Records histories of real runs, for replay.test.ts: `npm run build && npm run histories -- <directory>`. Histories of workflows that ran somewhere are
 * kept for ever. What a change makes new goes beside them into test/histories, under a name of its own; it is never recorded over another.
 */
export async function recordHistories(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const house = await openHouse();
  try {
    const { label } = await house.worker();
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
    await raised(house, save);
    await timedOut(house, save);
    await rotated(house, save);
    await probed(house, save, label);
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

/** The destination knows more syncs than Temporal: the sync begins again, above them. */
async function raised(house: House, save: Save): Promise<void> {
  let told = false;
  const { name, syncNow } = await house.connect({
    world: {
      beforeOpen: () => {
        if (told) return;
        told = true;
        const options = { origin: 'destination', code: 'raise', facts: { syncNo: 7 } } as const;
        throw new SyncError('transient_error', 'The destination knows a newer sync.', options);
      },
    },
  });
  await syncNow();
  await save('sync-raised', `sync/${name}`);
}

/** It drains to a checkpoint when its time is over, and fails. */
async function timedOut(house: House, save: Save): Promise<void> {
  const { name, world, sync } = await house.connect({ policy: { syncMsMax: 3_000 } });
  world.beforeRecord = async (_, n, { drain }) => {
    if (n === 8)
      await new Promise<void>((resolve) => drain.addEventListener('abort', () => resolve()));
  };
  await (await sync()).result().catch(() => undefined); // failed, as meant
  await save('sync-time-limit', `sync/${name}`);
}

/** A connector changes its own config, then a person has that forgotten. */
async function rotated(house: House, save: Save): Promise<void> {
  const { workflow, state } = await house.connect();
  const { connectionId } = await state();
  const update: RememberRequest = {
    ...{ connectionId, connector: 'memory-source', end: 'source', over: 0 },
    ...{ keys: ['/password'], keyId: 'k', sealed: 'tidemark1:k:AA' },
  };
  await workflow.executeUpdate(rememberUpdate, { args: [update] });
  await workflow.executeUpdate(forgetUpdate, { args: [null] });
  await save('connection-rotated', workflow.workflowId);
}

/** Answered at once; and of logs whose process is gone, by another worker of its label. */
async function probed(house: House, save: Save, label: string): Promise<void> {
  const { name } = await house.connect();
  await house.probe({ kind: 'check', connection: name }, 'probe/check');
  await save('probe-check', 'probe/check');
  const gone = hostQueue(house.queue, 'gone');
  await house.probe(
    { kind: 'logs', connection: name, lines: 1, hostQueue: gone, label },
    'probe/logs',
  );
  await save('probe-logs', 'probe/logs');
}

/** On the server that the environment names, else on one of its own. */
async function main(directory: string): Promise<void> {
  if (process.env['TEST_TEMPORAL_ADDRESS']) return recordHistories(directory);
  const data = await mkdtemp(join(tmpdir(), 'tidemark-temporal-'));
  const temporal = await startDevServer({ directory: data });
  process.env['TEST_TEMPORAL_ADDRESS'] = temporal.address;
  try {
    await recordHistories(directory);
  } finally {
    await temporal.stop();
    await rm(data, { recursive: true, force: true });
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const [, , directory] = argv;
  if (directory === undefined) throw new Error('usage: npm run histories -- <directory>');
  await main(directory);
  // The SDK's threads keep a process alive.
  process.exit(0);
}
