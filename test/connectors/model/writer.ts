import { setImmediate as turn } from 'node:timers/promises';
import {
  SyncError,
  type Checkpoint,
  type ConfiguredStream,
  type Epoch,
  type Receipt,
  type SealedPart,
} from '../../../protocol/index.ts';
import type { Session } from '../harness.ts';
import type { Row, Staged, StreamName } from './model.ts';

/** One of the two: where it is in each stream, and what it has sealed and not committed. */
export interface Writer {
  readonly session: Session;
  readonly epoch: Epoch;
  readonly position: Record<StreamName, number>;
  readonly editions: Readonly<Record<StreamName, number>>;
  readonly waiting: { readonly part: SealedPart; readonly staged: Staged }[];
  seq: number;
  fullIsDone: boolean;
}

const names = ['log', 'items', 'full'] as const;
const properties = { id: { type: 'integer' }, v: { type: 'integer' } };

export function writerOf(session: Session, epoch: Epoch, held: readonly Checkpoint[]): Writer {
  const own = (name: StreamName) => held.find(({ scope }) => scope === name);
  const full = own('full');
  const isOfThisSync = full?.epoch.syncNo === epoch.syncNo;
  return {
    session,
    epoch,
    position: {
      log: cursorOf(own('log')),
      items: cursorOf(own('items')),
      full: isOfThisSync ? cursorOf(full) : 0,
    },
    editions: {
      log: own('log')?.edition ?? 0,
      items: own('items')?.edition ?? 0,
      full: full?.edition ?? 0,
    },
    waiting: [],
    seq: 0,
    fullIsDone: isOfThisSync && full.complete === true,
  };
}

export function streamsOf(syncNo: number): ConfiguredStream[] {
  return names.map((name) => ({
    stream: { name, json_schema: { type: 'object', properties } },
    ...(name === 'full'
      ? { sync_mode: 'full_refresh', destination_sync_mode: 'overwrite' }
      : { sync_mode: 'incremental', destination_sync_mode: 'append' }),
    ...(name === 'items' && { destination_sync_mode: 'append_dedup', primary_key: [['id']] }),
    generation_id: name === 'full' ? syncNo : 0,
    minimum_generation_id: name === 'full' ? syncNo : 0,
    sync_id: syncNo,
  }));
}

/** Finer than a timer: a commit takes a few milliseconds. */
export async function quarters(count: number): Promise<void> {
  const until = performance.now() + count / 4;
  do await turn();
  while (performance.now() < until);
}

export const send = ({ session, waiting }: Writer, abort: AbortSignal): Promise<Receipt> =>
  session.loader.commit(
    waiting.map(({ part }) => part),
    waiting.map(({ staged }) => staged.at),
    abort,
  );

export const stagedBy = ({ waiting }: Writer): Staged[] => waiting.map(({ staged }) => staged);

export function rowsBy(staged: readonly Staged[]): Record<string, number> {
  const rows: Record<string, number> = {};
  for (const { stream, rows: some } of staged) rows[stream] = (rows[stream] ?? 0) + some.length;
  return rows;
}

export function textOf({ id, v, fields }: Row): string {
  const more = Array.from({ length: fields }, (_, i) => [`f${i + 1}`, v]);
  return JSON.stringify({ id, v, ...Object.fromEntries(more) });
}

export function cursorOf(at: Checkpoint | undefined): number {
  const state = at?.state?.stream?.stream_state as { readonly cursor?: number } | undefined;
  return state?.cursor ?? 0;
}

export const sorted = (list: readonly Checkpoint[]): Checkpoint[] =>
  [...list].sort((a, b) => (a.scope < b.scope ? -1 : 1));

export const failureOf = async (work: Promise<unknown>): Promise<SyncError> => {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SyncError) return error;
  throw new Error('It was let in, or failed otherwise.', { cause: error });
};
