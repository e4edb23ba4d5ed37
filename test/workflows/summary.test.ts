import type { Progress, StreamProgress, SyncFailure } from '../../protocol/index.ts';
import { failedSummary, type SyncFacts } from '../../workflows/summary.ts';
import { id } from '../support/items.ts';

const failure: SyncFailure = { kind: 'transient_error', origin: 'source', message: 'Gone.' };
type Told = readonly (readonly [string, StreamProgress['status']])[];

function facts(told: Told, more: Partial<Progress> = {}): SyncFacts {
  const nothing = { records: 0, bytes: 0 };
  const streams = told.map(([name, status]) => ({
    ...{ stream: id(name), ...nothing, committed: nothing, nulled: 0 },
    status,
  }));
  const progress = { epoch: { syncNo: 3, at: 1 }, streams, streamCount: told.length, ...more };
  return {
    ...{ syncNo: 3, workflowId: 'sync/orders', startedAt: '', endedAt: '', attempts: 1 },
    ...{ progress: progress as unknown as Progress, checkpoints: {} as SyncFacts['checkpoints'] },
  };
}
const outcome = (told: Told, more?: Partial<Progress>): string =>
  failedSummary(facts(told, more), failure).outcome;

test('partial is a sync of which some streams are done and some are not, reached or not', () => {
  expect(
    outcome([
      ['a', 'COMPLETE'],
      ['b', 'STARTED'],
    ]),
  ).toBe('partial');
  expect(
    outcome([
      ['a', 'COMPLETE'],
      ['b', null],
    ]),
  ).toBe('partial');
  expect(
    outcome([
      ['a', 'RUNNING'],
      ['b', null],
    ]),
  ).toBe('failed');
  expect(
    outcome([
      ['a', 'COMPLETE'],
      ['b', 'COMPLETE'],
    ]),
  ).toBe('failed');
  expect(outcome([])).toBe('failed');
});

test('streams beyond those that are listed count', () => {
  const some: Told = [['a', 'COMPLETE']];
  expect(outcome(some, { streamCount: 500, streamsDone: 500 })).toBe('failed');
  expect(outcome(some, { streamCount: 500, streamsDone: 499 })).toBe('partial');
  // By an older worker, or of another sync.
  expect(outcome(some, { streamCount: 500 })).toBe('partial');
  expect(outcome(some, { streamCount: 500, epoch: { syncNo: 2, at: 1 } })).toBe('failed');
});

test('nothing runs in a sync that has ended', () => {
  const { streams } = failedSummary(
    facts([
      ['a', 'RUNNING'],
      ['b', 'COMPLETE'],
      ['c', null],
    ]),
    failure,
  );
  expect(streams.map(({ status }) => status)).toEqual(['INCOMPLETE', 'COMPLETE', null]);
});
