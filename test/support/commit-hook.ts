import type { Checkpoint, Loader, LoaderDestination, Part } from '../../protocol/index.ts';
import { watchLastStep } from './last-step.ts';

/** At which instant of a sync's writing a worker's process sends itself a signal. Once. */
export interface CommitHook {
  /**
   * `loading`: an open part has just taken records. Of a commit: `before`: the batch is sealed, nothing of it has reached the destination.
   * `inside`: its transaction is open, as far as the destination reads its checkpoints there. `last`: all is done but the step that makes it
   * durable. `durable`: that has been done, and nothing after it. `after`: the loader has done its work, and nobody else has heard of it.
   */
  readonly instant: 'loading' | 'before' | 'inside' | 'last' | 'durable' | 'after';
  readonly signal: 'SIGSTOP' | 'SIGKILL';
  /** At the first commit of a state whose cursor is at least this. */
  readonly at: number;
  /** Instead: at the first commit that completes a stream of at least `at` records. While loading `at` counts records taken since the open. */
  readonly completing?: boolean;
}

/** By which a worker of tests is told its hook. */
export const hookVariable = 'E2E_COMMIT_HOOK';

/** The destination, with a hook in its commits: by the contracts, so that the destination itself knows nothing of it. */
export function hooked<C>(native: LoaderDestination<C>, hook: CommitHook): LoaderDestination<C> {
  let sprung = false;
  let isWatched = false;
  const spring = (): void => {
    if (sprung) return;
    sprung = true;
    process.kill(process.pid, hook.signal);
  };
  watchLastStep({
    before: () => void (isWatched && hook.instant === 'last' && spring()),
    after: () => void (isWatched && hook.instant === 'durable' && spring()),
  });
  return {
    ...native,
    loader(config) {
      const loader = native.loader(config);
      let taken = 0;
      const tell = (records: number): void => {
        taken += records;
        if (hook.instant === 'loading' && taken >= hook.at) spring();
      };
      return withHooks(loader, tell, async (parts, at) => {
        const isMeant = !sprung && at.some((checkpoint) => isHooked(checkpoint, hook));
        if (isMeant && hook.instant === 'before') spring();
        const inside = isMeant && hook.instant === 'inside';
        const given = inside ? at.map((checkpoint) => trap(checkpoint, spring)) : at;
        isWatched = isMeant;
        // No abort: a commit that was under way when its process froze does not hear of one.
        const receipt = await loader.commit(parts, given, new AbortController().signal);
        isWatched = false;
        if (isMeant && hook.instant === 'after') spring();
        return receipt;
      });
    },
  };
}

/** A loader is an object with private fields: its methods must be called on itself. */
function withHooks(
  loader: Loader,
  tell: (records: number) => void,
  commit: Loader['commit'],
): Loader {
  return {
    open: (input) => loader.open(input),
    ...(loader.offered !== undefined && { offered: (input) => loader.offered!(input) }),
    part: async (stream, id) => told(await loader.part(stream, id), tell),
    commit,
    close: () => loader.close(),
  };
}

function told(part: Part, tell: (records: number) => void): Part {
  return {
    append: async (block, abort) => {
      const { records } = block;
      await part.append(block, abort);
      tell(records);
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
function trap(checkpoint: Checkpoint, spring: () => void): Checkpoint {
  return Object.defineProperty({ ...checkpoint }, 'state', {
    enumerable: true,
    get() {
      spring();
      return checkpoint.state;
    },
  });
}
