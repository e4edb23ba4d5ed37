import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError } from '../../../../protocol/index.ts';
import { asPostgresError } from '../../errors.ts';
import { clientOf, type Session } from '../../session.ts';
import type { ChangesConfig, PostgresSourceConfig } from '../config.ts';
import { readLog, type LogReader } from './log-reader.ts';
import type { Lsn } from './lsn.ts';
import { findSlot } from './slot.ts';

/** How the server shows who reads a slot. */
const sessionName = 'tidemark source: changes';
/** A reader that is gone lets go of its slot within this; then it is ended. Invariant 7. */
const letGoMs = 3_000;
const lookMs = 100;

/** Values come as the text that `json-text.ts` knows. */
const settings = `
  SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET client_encoding = 'UTF8'; SET intervalstyle = 'iso_8601';
  SET bytea_output = 'hex'; SET extra_float_digits = 1; SET statement_timeout = 0; SET idle_session_timeout = 0`;

export interface ReplicationOptions {
  readonly config: PostgresSourceConfig;
  readonly changes: Required<Pick<ChangesConfig, 'slot' | 'publication'>>;
  readonly session: Session;
  readonly from: Lsn;
  readonly abort: AbortSignal;
}

/** Reads the slot, from which an earlier reader of ours is ended. An abort closes it. */
export async function openLog(options: ReplicationOptions): Promise<LogReader> {
  const { config, changes, session, from, abort } = options;
  await freeSlot(options);
  const client = clientOf(
    config,
    { name: sessionName, origin: 'source' },
    { replication: 'database' },
  );
  client.on('error', () => undefined);
  const stop = (): void => void client.end().catch(() => undefined);
  abort.addEventListener('abort', stop, { once: true });
  try {
    await client.connect();
    await client.query(settings);
    abort.throwIfAborted();
  } catch (error) {
    stop();
    throw asPostgresError(error, abort, session.place, 'source');
  } finally {
    abort.removeEventListener('abort', stop);
  }
  const reader = readLog(client, { ...changes, from });
  abort.addEventListener('abort', () => reader.close(), { once: true });
  return reader;
}

/** One reader at a time: that of an attempt before this one may not know yet that it is over. */
async function freeSlot({ changes, session, from, abort }: ReplicationOptions): Promise<void> {
  let until = performance.now() + letGoMs;
  for (let hasEnded = false; ;) {
    const slot = await findSlot(session, changes.slot, from);
    const pid = slot?.reader ?? null;
    if (pid === null) return;
    if (performance.now() > until) {
      if (hasEnded || !(await endReader(session, pid)))
        throw new SyncError('transient_error', 'The replication slot is read by somebody else.', {
          origin: 'source',
          place: `${session.place}: replication slot ${changes.slot}, process ${pid}`,
          remedy: 'Give this connection a slot of its own, or end that reader.',
        });
      hasEnded = true;
      until = performance.now() + letGoMs;
    }
    await sleep(lookMs, undefined, { signal: abort });
  }
}

/** False: it is none of ours. */
async function endReader(session: Session, pid: number): Promise<boolean> {
  const { rows } = await session.query(
    `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE pid = $1 AND application_name = $2`,
    [pid, sessionName],
  );
  return rows[0]?.['ended'] === true;
}
