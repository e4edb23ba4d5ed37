import {
  globalScope,
  idsOf,
  isReadInFull,
  scopeOf,
  streamId,
  type ConfiguredCatalog,
  type Item,
  type StreamId,
} from '../protocol/index.ts';

export interface Gate {
  /** Runs before each item is asked for: what came before it has been taken in. */
  before(): void;
  /** Runs once the item is there and before the writer gets it. When it rejects, so do the items. */
  allow(): Promise<void> | void;
}

/** Watches what goes to the writer: which records no state covers yet, and whether the writer waits for the source. */
export interface Flow {
  tap(items: AsyncIterable<Item>, gate: Gate): AsyncIterable<Item>;
  /** A state has passed and no record has passed since that none covers: a good place to stop. */
  readonly isAtBoundary: boolean;
  /** Every uncovered record is of a stream that is a checkpoint only as a whole: its load takes as long as it takes. */
  readonly isLoadingWhole: boolean;
  /** ms for which the writer has waited for an item and the source has shown no life; 0: it does not wait. */
  readonly silentMs: number;
  /** The source shows life that no item tells of. */
  lives(): void;
}

/** `whole`: streams that the writer makes a checkpoint of only as a whole. Others are such when they are read in full and send no states. */
export function createFlow(
  catalog: ConfiguredCatalog,
  whole: ReadonlySet<StreamId> = new Set(),
): Flow {
  const readInFull = idsOf(catalog, isReadInFull);
  const uncovered = new Set<StreamId>();
  const withStates = new Set<StreamId | typeof globalScope>();
  let waitingSince: number | null = null;
  let livedAt = -Infinity;

  function note(item: Item): void {
    switch (item.type) {
      case 'BLOCK':
        uncovered.add(item.stream);
        return;
      case 'STATE': {
        const scope = scopeOf(item.state);
        withStates.add(scope);
        const covered = scope === globalScope ? [...uncovered] : [scope];
        for (const one of covered) if (!whole.has(one)) uncovered.delete(one);
        return;
      }
      case 'TRACE': {
        const status = item.trace.stream_status;
        if (status?.status !== 'COMPLETE') return;
        const stream = streamId(status.stream_descriptor);
        if (!whole.has(stream)) uncovered.delete(stream);
        return;
      }
      case 'LOG':
      case 'END':
        return;
    }
  }

  return {
    tap: (items, gate) => ({
      [Symbol.asyncIterator]() {
        const inner = items[Symbol.asyncIterator]();
        return {
          async next() {
            gate.before();
            waitingSince = performance.now();
            const result = await inner.next();
            waitingSince = null;
            if (result.done === true) return result;
            await allowed(result.value, gate);
            note(result.value);
            return result;
          },
          return: async () => (await inner.return?.()) ?? { done: true, value: undefined },
        };
      },
    }),
    get isAtBoundary() {
      // What a segment's end would cut short had to be loaded anew.
      return whole.size === 0 && uncovered.size === 0 && withStates.size > 0;
    },
    get isLoadingWhole() {
      if (uncovered.size === 0) return false;
      if ([...uncovered].every((id) => whole.has(id))) return true;
      if (withStates.has(globalScope)) return false;
      return [...uncovered].every((id) => readInFull.has(id) && !withStates.has(id));
    },
    get silentMs() {
      return waitingSince === null ? 0 : performance.now() - Math.max(waitingSince, livedAt);
    },
    lives() {
      livedAt = performance.now();
    },
  };
}

/** An item that is refused is nobody's any more: it is released here. */
async function allowed(item: Item, gate: Gate): Promise<void> {
  try {
    await gate.allow();
  } catch (error) {
    if (item.type === 'BLOCK') item.release();
    throw error;
  }
}
