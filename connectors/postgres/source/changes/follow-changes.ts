import type { Item, StateMessage, StreamId } from '../../../../protocol/index.ts';
import type { Session } from '../../session.ts';
import { logged } from '../transaction.ts';
import { followLog, type FollowedStream } from './follow.ts';
import type { LogReader } from './log-reader.ts';
import { parseLsn, type Lsn } from './lsn.ts';
import { openLog } from './replication.ts';
import { stateNow, type ReadStream, type Run } from './run.ts';
import { parseShared } from './state.ts';

/** While there are changes a state follows after this long. */
const stateMs = 1_000;
/** And after this long where there are none of ours: so the server may forget what others wrote. */
const quietStateMs = 60_000;
/** What the server sends is a sign of life, told this often. */
const livesMs = 1_000;

/** What the log holds from where it was read on: up to where it is now, or without end. False: it was drained. */
export async function* followChanges(run: Run): AsyncGenerator<Item, boolean, undefined> {
  const { input, session, changes, streams, signs, emittedAt } = run;
  const end = changes.continuous === true ? null : await logEnd(session);
  const { config, abort } = input;
  const reader = await openLog({ config, changes, session, from: run.lsn, abort });
  run.reader = reader;
  advance(input.checkpoints, reader).catch(() => reader.close());
  const logs: string[] = [];
  let statedAt = performance.now();
  let stated = run.lsn;
  const isDue = (): boolean => performance.now() - statedAt >= stateMs;
  let livedAt = -Infinity;
  const came = (): void => {
    signs.came();
    const now = performance.now();
    if (now - livedAt < livesMs) return;
    livedAt = now;
    input.lives?.();
  };
  const followed = followLog({
    ...{ reader, session, from: run.lsn, emittedAt, isDue },
    streams: new Map(streams.map(followedStream)),
    onTruncate: changes.on_truncate ?? 'fail',
    log: (text) => logs.push(text),
    came,
  });
  try {
    for await (const { blocks, at } of followed) {
      for (const text of logs.splice(0)) yield logged('WARN', text);
      for (const block of blocks) {
        run.records += block.records;
        yield block;
      }
      const isDrained = input.drain.aborted;
      if (at !== null) {
        run.lsn = at;
        const isOver = end !== null && at >= end;
        const isQuietDue = at > stated && performance.now() - statedAt >= quietStateMs;
        if (isOver || isQuietDue || (run.records > 0 && (isDrained || isDue()))) {
          yield stateNow(run);
          [stated, statedAt] = [at, performance.now()];
        }
        if (isOver) return true;
      }
      if (isDrained) return false;
    }
  } finally {
    reader.close();
  }
  return false;
}

function followedStream(stream: ReadStream): readonly [StreamId, FollowedStream] {
  const { id, descriptor, configured, relation, progress } = stream;
  const key = configured.primary_key?.map((path) => path.join('.')) ?? relation.key;
  const part = progress?.part ?? { seen: null };
  return [id, { id, descriptor, key, part }];
}

/** All that was committed by now lies before it. */
async function logEnd(session: Session): Promise<Lsn> {
  const { rows } = await session.query(
    `SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END)::text AS lsn`,
  );
  return parseLsn(String(rows[0]!['lsn']))!;
}

/** The slot follows what became a checkpoint, and nothing else does. Invariant 1. */
async function advance(checkpoints: AsyncIterable<StateMessage>, reader: LogReader): Promise<void> {
  for await (const { state } of checkpoints) {
    const shared = parseShared(state.global?.shared_state);
    if (shared !== null) reader.confirm(shared.lsn);
  }
}
