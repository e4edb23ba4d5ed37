import type { SyncError } from '../../../protocol/index.ts';
import { asPostgresError } from '../errors.ts';
import type { Session } from '../session.ts';
import type { PostgresSourceConfig } from './config.ts';
import { connectReader } from './reader-session.ts';
import type { Selection } from './selection.ts';
import { endReading, exportSnapshot, joinReading } from './transaction.ts';

/** Sessions that read beside the one that leads. They are kept from table to table. */
export interface Helpers {
  /** So many, in transactions that see what the lead's does; all of them, or none and why. */
  join(lead: Session, selection: Selection, count: number): Promise<Joined>;
  /** Their transactions end. */
  leave(): Promise<void>;
  /** Ends them, whatever they do. */
  destroy(): void;
  close(): Promise<void>;
}

/** `why`: for people. */
export type Joined = readonly Session[] | { readonly why: string };

export function createHelpers(config: PostgresSourceConfig, abort: AbortSignal): Helpers {
  let sessions: readonly Session[] = [];
  /** Why they did not come to be: asked for again at each table, they would take from others what there is too little of. */
  let refused: string | null = null;

  async function connectTo(count: number): Promise<void> {
    const kept = sessions.filter(({ isLost }) => !isLost);
    const missing = Array.from({ length: Math.max(0, count - kept.length) });
    sessions = kept;
    await all(
      missing.map(async () => {
        const session = await connectReader(config, abort);
        sessions = [...sessions, session];
      }),
    );
  }

  async function close(): Promise<void> {
    await Promise.all(sessions.map((session) => session.close()));
    sessions = [];
  }

  /** Answers why not. */
  async function tried(work: () => Promise<void>): Promise<string | null> {
    try {
      await work();
      return null;
    } catch (error) {
      const mapped = asPostgresError(error, abort, undefined, 'source');
      if (abort.aborted) throw mapped;
      await close();
      return whyOf(mapped);
    }
  }

  return {
    async join(lead, selection, count) {
      refused ??= await tried(() => connectTo(count));
      if (refused !== null) return { why: refused };
      const snapshot = await exportSnapshot(lead);
      const chosen = sessions.slice(0, count);
      const why = await tried(() =>
        all(
          chosen.map((session) =>
            session.alone(abort, () => joinReading(session, selection, snapshot)),
          ),
        ),
      );
      return why === null ? chosen : { why };
    },
    async leave() {
      await Promise.all(sessions.filter(({ isLost }) => !isLost).map(endReading));
    },
    destroy: () => sessions.forEach((session) => session.destroy()),
    close,
  };
}

/** Once each of them is over. */
async function all(works: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
}

const locked = '55P03';

function whyOf({ message, remedy = '', facts }: SyncError): string {
  return facts?.['code'] === locked
    ? 'Something waits to change the table.'
    : `${message} ${remedy}`.trim();
}
