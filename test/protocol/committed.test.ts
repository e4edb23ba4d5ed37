import { createCommitted, type Checkpoint, type Counts } from '../../protocol/index.ts';
import { id } from '../support/items.ts';

const counts = (records: number): Counts => ({ records, bytes: records * 10 });

function checkpoint(scope: string, records: number, byStream?: Record<string, number>): Checkpoint {
  return {
    scope: id(scope),
    edition: 0,
    epoch: { syncNo: 1, at: 1 },
    seq: 1,
    state: null,
    ...counts(records),
    ...(byStream && {
      byStream: Object.fromEntries(
        Object.entries(byStream).map(([stream, n]) => [stream, counts(n)]),
      ),
    }),
    committedAt: '',
  };
}

test('scopes are summed, and a later checkpoint of a scope holds the earlier one', () => {
  const committed = createCommitted();
  for (const one of [checkpoint('a', 3), checkpoint('b', 2), checkpoint('a', 5)])
    committed.add(one);
  expect([committed.total, committed.of(id('a'))]).toEqual([counts(7), counts(5)]);
});

test('a stream that completes beside GLOBAL states counts once', () => {
  const committed = createCommitted();
  committed.add(checkpoint('*', 5, { a: 3, b: 2 }));
  committed.add(checkpoint('a', 4));
  expect([committed.total, committed.of(id('a'))]).toEqual([counts(6), counts(4)]);
  committed.add(checkpoint('*', 9, { a: 4, b: 5 }));
  expect(committed.total).toEqual(counts(9));
});

test('GLOBAL states that do not list their streams count as a whole', () => {
  const committed = createCommitted();
  committed.add(checkpoint('*', 5));
  committed.add(checkpoint('a', 4));
  expect(committed.total).toEqual(counts(5));
});
