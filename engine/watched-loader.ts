import type { Loader, Part } from '../protocol/index.ts';

/** A loader that is watched for one that takes nothing. */
export interface WatchedLoader {
  readonly loader: Loader;
  /** ms for which it has worked on what it was given, without finishing any of it; 0: it has nothing to do. */
  readonly blockedMs: number;
}

/** What it has to do between its opening and its closing is watched. */
export function watchLoader(loader: Loader): WatchedLoader {
  let calls = 0;
  let since = 0;

  async function watched<T>(work: () => Promise<T>): Promise<T> {
    if (calls === 0) since = performance.now();
    calls += 1;
    try {
      return await work();
    } finally {
      calls -= 1;
      // What is still under way may have waited for this.
      since = performance.now();
    }
  }

  const watchPart = (part: Part): Part => ({
    append: (block, abort) => watched(() => part.append(block, abort)),
    cover: () => part.cover(),
    seal: () => watched(() => part.seal()),
    discard: () => watched(() => part.discard()),
  });

  return {
    loader: {
      open: (input) => loader.open(input),
      part: async (stream, id) => watchPart(await watched(() => loader.part(stream, id))),
      commit: (parts, at, abort) => watched(() => loader.commit(parts, at, abort)),
      close: () => loader.close(),
    },
    get blockedMs() {
      return calls === 0 ? 0 : performance.now() - since;
    },
  };
}
