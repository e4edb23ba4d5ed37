import type { Checkpoint, Loader, LoaderDestination, Part } from '../../protocol/index.ts';
import { noteCommit } from './commit-journal.ts';
import { watchLastStep, type LastStep } from './last-step.ts';
import { meetAt } from './meeting.ts';
import type { FileSteps } from './warehouse-steps.ts';

/** At which instant of a sync's writing a worker's process sends itself a signal, or waits for the test to do something. Once. */
export interface CommitHook {
  /**
   * `loading`: an open part has just taken records. Of a commit: `before`: the batch is sealed, nothing of it has reached the destination.
   * `inside`: its transaction is open, as far as the destination reads its checkpoints there. `last`: all is done but the step that makes it
   * durable. `sending`, `copying`: of a warehouse, the file that makes it `at` rows is on its way there, or is being loaded.
   * `durable`: that has been done, and nothing after it. `after`: the loader has done its work, and nobody else has heard of it.
   * `closing`: a loader that has committed `at` is about to be closed.
   */
  readonly instant:
    'loading' | 'before' | 'inside' | 'last' | 'durable' | 'after' | 'closing' | keyof FileSteps;
  readonly signal?: 'SIGSTOP' | 'SIGKILL';
  /** Instead of the signal: the file where the process meets the test. Not `inside`, where nothing can wait. */
  readonly meeting?: string;
  /** A journal of what became durable, kept beside. */
  readonly journal?: string;
  /** At the first commit of a state whose cursor is at least this. */
  readonly at: number;
  /** Instead: at the first commit that completes a stream of at least `at` records. While loading `at` counts records taken since the open. */
  readonly completing?: boolean;
}

/** By which a worker of tests is told its hook. */
export const hookVariable = 'E2E_COMMIT_HOOK';

/**
 * The destination, with a hook in its commits: by the contracts, so that the destination itself knows nothing of it. `watch`: how its steps are
 * known.
 */
export function hooked<C>(
  native: LoaderDestination<C>,
  hook: CommitHook,
  watch: (told: LastStep & FileSteps) => void = watchLastStep,
): LoaderDestination<C> {
  let sprung = false;
  /** The commit that is under way, and whether it is the one that is meant. */
  let current: { readonly cursor: number; readonly isMeant: boolean } | null = null;
  /** Cursor of the last commit that this process knows to be durable. */
  let durable = 0;
  const spring = (): Promise<void> | void => {
    if (sprung) return;
    sprung = true;
    if (hook.meeting !== undefined) return meetAt(hook.meeting, durable);
    process.kill(process.pid, hook.signal ?? 'SIGKILL');
  };
  const springAt = async (instant: CommitHook['instant'], isMeant: boolean): Promise<void> => {
    if (isMeant && hook.instant === instant) await spring();
  };
  watch({
    sending: (rows) => springAt('sending', rows >= hook.at),
    copying: (rows) => springAt('copying', rows >= hook.at),
    before: () => springAt('last', current?.isMeant === true),
    async after() {
      if (current === null) return;
      durable = current.cursor;
      if (hook.journal !== undefined) noteCommit(hook.journal, durable);
      await springAt('durable', current.isMeant);
    },
  });
  return {
    ...native,
    loader(config) {
      const loader = native.loader(config);
      let [taken, own] = [0, 0];
      const tell = (records: number): Promise<void> =>
        springAt('loading', (taken += records) >= hook.at);
      const commit: Loader['commit'] = async (parts, at, abort) => {
        const isMeant = !sprung && at.some((checkpoint) => isHooked(checkpoint, hook));
        await springAt('before', isMeant);
        const inside = isMeant && hook.instant === 'inside';
        const given = inside ? at.map((checkpoint) => trap(checkpoint, spring)) : at;
        const cursor = Math.max(durable, ...at.map(cursorOf));
        current = { cursor, isMeant };
        // A commit that was under way when its process froze does not hear of an abort.
        const heard = hook.signal === 'SIGSTOP' ? new AbortController().signal : abort;
        try {
          const receipt = await loader.commit(parts, given, heard);
          own = cursor;
          await springAt('after', isMeant);
          return receipt;
        } finally {
          current = null;
        }
      };
      const close = async (): Promise<void> => {
        await springAt('closing', own >= hook.at);
        await loader.close();
      };
      return withHooks(loader, tell, commit, close);
    },
  };
}

/** A loader is an object with private fields: its methods must be called on itself. */
function withHooks(
  loader: Loader,
  tell: (records: number) => Promise<void>,
  commit: Loader['commit'],
  close: Loader['close'],
): Loader {
  return {
    open: (input) => loader.open(input),
    ...(loader.offered !== undefined && { offered: (input) => loader.offered!(input) }),
    part: async (stream, id) => told(await loader.part(stream, id), tell),
    commit,
    close,
  };
}

function told(part: Part, tell: (records: number) => Promise<void>): Part {
  return {
    append: async (block, abort) => {
      const { records } = block;
      await part.append(block, abort);
      await tell(records);
    },
    cover: () => part.cover(),
    seal: () => part.seal(),
    discard: () => part.discard(),
  };
}

function isHooked(checkpoint: Checkpoint, { at, completing = false }: CommitHook): boolean {
  if (!completing) return cursorOf(checkpoint) >= at;
  return checkpoint.complete === true && checkpoint.records >= at;
}

function cursorOf({ state }: Checkpoint): number {
  const { id = 0 } = (state?.stream?.stream_state ?? {}) as { id?: number };
  return id;
}

/** The state's text is what a destination writes, and so reads last. */
function trap(checkpoint: Checkpoint, spring: () => Promise<void> | void): Checkpoint {
  return Object.defineProperty({ ...checkpoint }, 'state', {
    enumerable: true,
    get() {
      void spring();
      return checkpoint.state;
    },
  });
}
