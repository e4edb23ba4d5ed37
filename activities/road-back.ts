import { scopeOf, type Scope, type StateMessage } from '../protocol/index.ts';

/** States that became checkpoints, on their way to the source. A slow source sees the newest of each scope only. */
export interface RoadBack {
  push(state: StateMessage): void;
  close(): void;
  readonly states: AsyncIterable<StateMessage>;
}

export function createRoadBack(): RoadBack {
  const newest = new Map<Scope, StateMessage>();
  let closed = false;
  let wake: (() => void) | undefined;
  const notify = (): void => {
    wake?.();
    wake = undefined;
  };

  async function next(): Promise<IteratorResult<StateMessage>> {
    for (;;) {
      const [first] = newest;
      if (first !== undefined) {
        newest.delete(first[0]);
        return { done: false, value: first[1] };
      }
      if (closed) return { done: true, value: undefined };
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  return {
    push(state) {
      const scope = scopeOf(state.state);
      newest.delete(scope);
      newest.set(scope, state);
      notify();
    },
    close() {
      closed = true;
      notify();
    },
    states: {
      [Symbol.asyncIterator]: () => ({
        next,
        return: () => Promise.resolve({ done: true as const, value: undefined }),
      }),
    },
  };
}
