import * as fc from 'fast-check';
import type { StreamName } from './model.ts';

export type Slot = 'a' | 'b';

/** What may happen to two writers of one connection, in any order. */
export type Command =
  /** `retry`: the sync's next attempt. `sync`: a new sync. `late`: an attempt that was scheduled before the last one. */
  | { readonly do: 'open'; readonly slot: Slot; readonly as: 'retry' | 'sync' | 'late' }
  /** So many records and a state; then records that no state covers. */
  | {
      readonly do: 'stage';
      readonly slot: Slot;
      readonly stream: StreamName;
      readonly records: number;
      readonly uncovered: number;
    }
  /** `lost`: the writer dies before it tells anybody. */
  | { readonly do: 'commit'; readonly slot: Slot; readonly answer: 'told' | 'lost' }
  /** The writer is stopped so many quarters of a millisecond into a commit; the sync's next attempt finds what became of it. */
  | { readonly do: 'stop'; readonly slot: Slot; readonly after: number }
  /** The stream that is overwritten is complete. */
  | { readonly do: 'publish'; readonly slot: Slot; readonly records: number }
  /** The sync's next attempt opens while the other writer commits. */
  | { readonly do: 'race'; readonly slot: Slot; readonly after: number }
  | { readonly do: 'close'; readonly slot: Slot }
  /** A person sets a stream's state back by so many records; 100: forgets it. */
  | { readonly do: 'edit'; readonly stream: 'log' | 'items'; readonly back: number }
  /** From now on records have one field more. */
  | { readonly do: 'widen' }
  /** A person adds a column to the table. */
  | { readonly do: 'alter' };

const slot = fc.constantFrom<Slot>('a', 'b');
const few = fc.integer({ min: 0, max: 4 });
const soon = fc.integer({ min: 0, max: 60 });

const kinds: readonly (readonly [weight: number, fc.Arbitrary<Command>])[] = [
  [
    6,
    fc.record({
      do: fc.constant('open'),
      slot,
      as: fc.constantFrom('retry', 'retry', 'sync', 'late'),
    }),
  ],
  [
    10,
    fc.record({
      do: fc.constant('stage'),
      slot,
      stream: fc.constantFrom('log', 'log', 'items', 'items', 'full'),
      records: few,
      uncovered: fc.integer({ min: 0, max: 1 }),
    }),
  ],
  [
    7,
    fc.record({ do: fc.constant('commit'), slot, answer: fc.constantFrom('told', 'told', 'lost') }),
  ],
  [4, fc.record({ do: fc.constant('stop'), slot, after: soon })],
  [2, fc.record({ do: fc.constant('publish'), slot, records: few })],
  [3, fc.record({ do: fc.constant('race'), slot, after: soon })],
  [1, fc.record({ do: fc.constant('close'), slot })],
  [
    2,
    fc.record({
      do: fc.constant('edit'),
      stream: fc.constantFrom('log', 'items'),
      back: fc.constantFrom(1, 3, 100),
    }),
  ],
  [1, fc.constant({ do: 'widen' })],
  [1, fc.constant({ do: 'alter' })],
] as const;

export const commands: fc.Arbitrary<Command[]> = fc
  .array(fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary }))), {
    minLength: 10,
    maxLength: 40,
    size: 'max',
  })
  .map((list) => [{ do: 'open', slot: 'a', as: 'sync' }, ...list]);
