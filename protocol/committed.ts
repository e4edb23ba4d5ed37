import type { Checkpoint, Counts } from './checkpoint.ts';
import { globalScope } from './state.ts';
import type { StreamId } from './stream.ts';

/** What a sync has committed so far, told by its checkpoints. */
export interface Committed {
  add(checkpoint: Checkpoint): void;
  readonly total: Counts;
  of(stream: StreamId): Counts;
}

const nothing: Counts = { records: 0, bytes: 0 };
const larger = (a: Counts, b: Counts): Counts => (b.records > a.records ? b : a);

/**
 * Counts of a sync only grow. A stream beside GLOBAL states may be counted twice, in its own scope and in theirs: what is larger is later, and
 * holds the other.
 */
export function createCommitted(): Committed {
  const streams = new Map<StreamId, Counts>();
  let sum = nothing;
  let global = nothing;

  function raise(stream: StreamId, counts: Counts): void {
    const before = streams.get(stream) ?? nothing;
    const { records, bytes } = larger(before, counts);
    sum = {
      records: sum.records + records - before.records,
      bytes: sum.bytes + bytes - before.bytes,
    };
    streams.set(stream, { records, bytes });
  }

  return {
    add({ scope, records, bytes, byStream = {} }) {
      if (scope !== globalScope) return raise(scope, { records, bytes });
      global = larger(global, { records, bytes });
      for (const [stream, counts] of Object.entries(byStream)) raise(stream as StreamId, counts);
    },
    // GLOBAL states of very many streams do not list them.
    get total() {
      return larger(sum, global);
    },
    of: (stream) => streams.get(stream) ?? nothing,
  };
}
