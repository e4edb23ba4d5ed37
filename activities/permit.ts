import type { Committer } from './committer.ts';

/**
 * The commit permit (invariant 3), for destinations without a fence. A writer that Temporal may have replaced does nothing more until it is
 * told that it was not.
 */
export interface Permit {
  /** True while the connection workflow was heard of lately enough. */
  readonly isFresh: boolean;
  /** Resolves once it is fresh. Rejects when the writer is fenced off. */
  renewed(): Promise<void>;
}

/** `freshMs`: how long an answer holds, from when it was asked for. */
export function createPermit(
  committer: Pick<Committer, 'acknowledgedAt' | 'permit'>,
  freshMs: number,
): Permit {
  const isFresh = (): boolean => performance.now() - committer.acknowledgedAt <= freshMs;
  return {
    get isFresh() {
      return isFresh();
    },
    async renewed() {
      // Again: the process may have been frozen while it waited. A refusal, or the attempt's abort, ends it.
      while (!isFresh()) await committer.permit();
    },
  };
}
