import type { PostgresSourceConfig } from './config.ts';
import { connectReader } from './reader-session.ts';

/** How often a server is asked that sends nothing: it may sort, or look for a first row, for hours. */
const everyMs = 60_000;
/** It answers within this, or says nothing of itself. */
const answerMsMax = 10_000;

/**
 * True when the server works on what the session of one of these processes asked it. One that waits for its client, or for a log that does not
 * grow, does nothing: were it asked how far it is, it would say so. Asked by a session of its own; never throws.
 */
export async function isWorking(
  config: PostgresSourceConfig,
  processes: readonly number[],
): Promise<boolean> {
  try {
    const session = await connectReader(config, AbortSignal.timeout(answerMsMax));
    try {
      const signal = AbortSignal.timeout(answerMsMax);
      const { rows } = await session.alone(signal, () =>
        session.query(
          `SELECT FROM pg_stat_activity WHERE pid = ANY($1::int[]) AND state = 'active'
             AND (wait_event_type IS NULL OR wait_event_type NOT IN ('Activity', 'Client'))`,
          [processes],
        ),
      );
      return rows.length > 0;
    } finally {
      await session.close();
    }
  } catch {
    return false;
  }
}

export interface Signs {
  /** Something came: that tells enough for now. */
  came(): void;
  stop(): void;
}

/** Tells `lives` now and then while nothing comes and the server works. `processes`: of its sessions; null: one that is not open. */
export function watchServer(
  config: PostgresSourceConfig,
  processes: () => readonly (number | null)[],
  lives: () => void,
): Signs {
  let isQuiet = false;
  const timer = setInterval(() => {
    const own = processes().filter((one) => one !== null);
    const wasQuiet = isQuiet;
    isQuiet = true;
    if (!wasQuiet || own.length === 0) return;
    void isWorking(config, own).then((works) => {
      if (works) lives();
    });
  }, everyMs);
  timer.unref();
  return {
    came: () => void (isQuiet = false),
    stop: () => clearInterval(timer),
  };
}
