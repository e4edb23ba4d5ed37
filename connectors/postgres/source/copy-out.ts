import type { Socket } from 'node:net';
import { SyncError } from '../../../protocol/index.ts';
import type { Session } from '../session.ts';
import { createCopyFrames, type CopyData } from './copy-frames.ts';
import type { CopyRows } from './copy-rows.ts';

/** Blocks that wait for their consumer; with more of them the server has to wait. Invariant 7. */
const waitingMax = 2;

export interface Copy<T, R> {
  /** `COPY … TO STDOUT`. */
  readonly sql: string;
  /** By its format. */
  readonly rows: CopyRows<R>;
  /** Takes a row; gives what it makes of them. */
  row(this: void, row: R, give: (item: T) => void): void;
  /** When the last row came. */
  end(this: void, give: (item: T) => void): void;
  /** Aborted: what waits for rows is told so once. */
  readonly drain: AbortSignal;
}

/** No row came yet, and it is asked to drain. */
export const idle = Symbol('idle');

/**
 * Runs a COPY and yields what is made of its rows. The rows go past the driver, which would make an object of each. Left early, it ends the
 * session: there is no other way to stop a COPY at once.
 */
export async function* copyOut<T, R>(
  session: Session,
  copy: Copy<T, R>,
): AsyncGenerator<T | typeof idle, void, undefined> {
  const waiting: T[] = [];
  let rows = 0;
  let isOver = false;
  let failure: { readonly error: unknown } | null = null;
  let wake: () => void = () => undefined;
  const { socket } = session;
  const give = (item: T): void => {
    waiting.push(item);
    if (waiting.length >= waitingMax) socket.pause();
    wake();
  };
  const fail = (error: unknown): void => {
    failure ??= { error };
    isOver = true;
    wake();
  };
  const untap = tap(socket, {
    data: copy.rows((row) => {
      rows += 1;
      copy.row(row, give);
    }),
    failed(error) {
      fail(error);
      session.destroy();
    },
  });
  const done = session.query(copy.sql).then(({ count }) => {
    // Invariant 6.
    if (count !== rows) throw miscounted(session.place, count, rows);
    copy.end(give);
    isOver = true;
    wake();
  });
  done.catch(fail);
  const drains = (): void => wake();
  copy.drain.addEventListener('abort', drains, { once: true });
  let isTold = false;
  try {
    for (;;) {
      const item = waiting.shift();
      if (item !== undefined) {
        yield item;
        continue;
      }
      if (failure !== null) throw (failure as { readonly error: unknown }).error;
      if (isOver) return;
      if (copy.drain.aborted && !isTold) {
        isTold = true;
        yield idle;
        continue;
      }
      socket.resume();
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    copy.drain.removeEventListener('abort', drains);
    if (!isOver) session.destroy();
    untap();
  }
}

interface Tapped {
  readonly data: CopyData;
  failed(this: void, error: unknown): void;
}

/** Takes rows out of what the server sends; all else goes to the driver. Answers how to end it. */
function tap(socket: Socket, { data, failed }: Tapped): () => void {
  const drivers = socket.listeners('data') as ((chunk: Buffer) => void)[];
  const frames = createCopyFrames({
    data,
    other: (message) => drivers.forEach((driver) => driver.call(socket, message)),
  });
  const take = (chunk: Buffer): void => {
    try {
      frames.take(chunk);
    } catch (error) {
      failed(error);
    }
  };
  socket.removeAllListeners('data');
  socket.on('data', take);
  return () => {
    socket.off('data', take);
    drivers.forEach((driver) => socket.on('data', driver));
    socket.resume();
  };
}

function miscounted(place: string, said: number, found: number): SyncError {
  return new SyncError('system_error', 'Postgres counts other rows than it sent.', {
    ...{ origin: 'source', code: 'counts_disagree', place, facts: { said, found } },
    remedy: 'Retry; if it happens again, report it.',
  });
}
