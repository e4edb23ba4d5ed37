import type { Cell } from './cells.ts';
import { attachedMsMax, brokenBy, figuresOf, readAgainMax } from './figures.ts';
import type { Observed } from './run-cell.ts';
import { records } from './scene.ts';

const struckAt = 1_000_000;
const cell: Cell = { fault: 'kill', victim: 'worker', instant: 'mid', destination: 'postgres' };

const attempt = (at: number, from: number): Observed['attempts'][number] => ({
  ...{ pid: at, at, endedAt: null, sent: [], events: [] },
  from: from === 0 ? {} : { items: from },
});

/** A worker killed when 1,500 were sent and 1,200 durable; the next attempt went on there, 4 s later. */
const well = {
  met: { pid: 1, durable: 1_200 },
  ...{ struckAt, overAt: struckAt, struck: true, sentAtStrike: 1_500 },
  attempts: [attempt(struckAt - 2_000, 0), attempt(struckAt + 4_000, 1_200)],
  commits: [
    { at: struckAt - 100, cursor: 1_200 },
    { at: struckAt + 4_500, cursor: 1_600 },
  ],
  sent: records + 300,
  summary: { outcome: 'succeeded' },
  held: { rows: records, missing: 0, twice: 0 },
  remains: [],
} as unknown as Observed;

test('what is measured', () => {
  expect(figuresOf(well)).toEqual({
    ...{ lost: 0, twice: 0, readAgain: 300, readAgainOfBefore: 300, attempts: 2 },
    ...{ attachedMs: 4_000, checkpointMs: 4_500 },
  });
  expect(brokenBy(cell, well)).toEqual([]);
});

test('of what was away the return counts, and the last attempt that began while it was', () => {
  const away = { ...well, overAt: struckAt + 3_000 };
  expect(figuresOf(away)).toMatchObject({ attachedMs: 1_000, checkpointMs: 1_500 });
  const during = { ...well, overAt: struckAt + 5_000 };
  expect(figuresOf(during)).toMatchObject({ attachedMs: 0, checkpointMs: 0 });
});

test('an attempt that goes on is no new one, and reads nothing again', () => {
  const on = { ...well, attempts: well.attempts.slice(0, 1), sent: records };
  expect(figuresOf(on)).toMatchObject({ attachedMs: null, readAgain: 0, readAgainOfBefore: 0 });
  expect(brokenBy(cell, on)).toEqual([]);
});

const sentMuch = { sentAtStrike: 1_200 + readAgainMax + 1 };
const lateBy = (ms: number): Partial<Observed> => ({
  attempts: [well.attempts[0]!, attempt(struckAt + ms, 1_200)],
});
test.each<[string, Partial<Observed>, Partial<Cell>, RegExp]>([
  ['a fault that was not felt', { struck: false }, {}, /never struck/],
  ['a sync that failed', { summary: { outcome: 'failed' } as never }, {}, /the sync failed/],
  ['a lost record', { held: { rows: records - 1, missing: 1, twice: 0 } }, {}, /1 records lost/],
  ['a table that stays', { remains: ['_tidemark_part_1'] }, {}, /left behind: _tidemark_part_1/],
  ['a record twice', { held: { rows: records + 1, missing: 0, twice: 1 } }, {}, /written twice/],
  [
    'an attempt before the checkpoint',
    { attempts: [well.attempts[0]!, attempt(struckAt + 4_000, 1_100)] },
    {},
    /before the checkpoint at 1200/,
  ],
  ['more than a batch read again', sentMuch, {}, /records read again/],
  ['a late attempt', lateBy(attachedMsMax.killed + 1), {}, /attached only after/],
  ['a drain that takes its time', lateBy(attachedMsMax.drained + 1), { fault: 'term' }, /attached/],
  [
    'twice in a program, though not read again',
    { held: { rows: records + 301, missing: 0, twice: 301 } },
    { destination: 'program' },
    /were not read again/,
  ],
])('%s breaks a promise', (_, change, other, told) => {
  expect(brokenBy({ ...cell, ...other }, { ...well, ...change })).toEqual([
    expect.stringMatching(told),
  ]);
});

test('a program may hold twice what was read again, and a frozen worker be replaced later', () => {
  const twice = { ...well, held: { rows: records + 300, missing: 0, twice: 300 } };
  expect(brokenBy({ ...cell, destination: 'program' }, twice)).toEqual([]);
  const frozen: Cell = { ...cell, fault: 'freeze' };
  expect(brokenBy(frozen, { ...well, ...lateBy(attachedMsMax.frozen) })).toEqual([]);
});
