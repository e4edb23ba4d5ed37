import type { Checkpoint, Loader, LoaderDestination } from '../../protocol/index.ts';

/** At which instant of a commit a worker's process sends itself a signal. Once, at the first commit of a state whose cursor is at least `at`. */
export interface CommitHook {
  /**
   * `before`: the batch is sealed, nothing of it has reached the destination. `inside`: its transaction is open, as far as the destination
   * reads its checkpoints there. `after`: it is durable, and nobody has heard of it.
   */
  readonly instant: 'before' | 'inside' | 'after';
  readonly signal: 'SIGSTOP' | 'SIGKILL';
  readonly at: number;
}

/** By which a worker of tests is told its hook. */
export const hookVariable = 'E2E_COMMIT_HOOK';

/** The destination, with a hook in its commits: by the contracts, so that the destination itself knows nothing of it. */
export function hooked<C>(native: LoaderDestination<C>, hook: CommitHook): LoaderDestination<C> {
  let sprung = false;
  const spring = (): void => {
    if (sprung) return;
    sprung = true;
    process.kill(process.pid, hook.signal);
  };
  return {
    ...native,
    loader(config) {
      const loader = native.loader(config);
      return withCommit(loader, async (parts, at) => {
        const isMeant = !sprung && at.some((checkpoint) => cursorOf(checkpoint) >= hook.at);
        if (isMeant && hook.instant === 'before') spring();
        const inside = isMeant && hook.instant === 'inside';
        const given = inside ? at.map((checkpoint) => trap(checkpoint, spring)) : at;
        // No abort: a commit that was under way when its process froze does not hear of one.
        const receipt = await loader.commit(parts, given, new AbortController().signal);
        if (isMeant && hook.instant === 'after') spring();
        return receipt;
      });
    },
  };
}

/** A loader is an object with private fields: its methods must be called on itself. */
function withCommit(loader: Loader, commit: Loader['commit']): Loader {
  return {
    open: (input) => loader.open(input),
    part: (stream, id) => loader.part(stream, id),
    commit,
    close: () => loader.close(),
  };
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
