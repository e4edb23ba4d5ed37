import { offerText, parseOffer, type Offer } from '../../engine/offer.ts';
import {
  unfilledAfter,
  unfilledColumns,
  unfilledOf,
  type Unfilled,
  type UnfilledInput,
} from '../../engine/unfilled.ts';
import {
  everyStream,
  globalScope,
  unfilledText,
  type Checkpoint,
  type ConfiguredStream,
  type Scope,
} from '../../protocol/index.ts';
import { catalogOf, configured, id } from '../support/items.ts';

const [a, b] = [id('a'), id('b')];
const fields = ['id', 'note', 'total'];
const properties = Object.fromEntries(fields.map((field) => [field, {}]));
const kept: Offer = new Map([a, b].map((one) => [one, new Map(fields.map((f) => [f, 'string']))]));

function stream(name: string, parts: Partial<ConfiguredStream> = {}): ConfiguredStream {
  return {
    ...configured(id(name)),
    stream: { name, json_schema: { properties } },
    sync_mode: 'incremental',
    destination_sync_mode: 'append_dedup',
    ...parts,
  };
}

const checkpoint = (scope: Scope, seq: number): Checkpoint => ({
  ...{ scope, seq, edition: 0, epoch: { syncNo: 1, at: 1 }, state: null },
  ...{ records: 0, bytes: 0, committedAt: '' },
});

/** The third sync: both streams have been read before. */
const third = {
  before: new Map(),
  gained: new Map(),
  kept,
  catalog: catalogOf(stream('a'), stream('b')),
  syncNo: 3,
  held: {
    checkpoints: [checkpoint(a, 4), checkpoint(b, 4)],
    generations: {},
    minimumGenerations: {},
  },
} satisfies UnfilledInput;

const shown = (unfilled: Unfilled): object =>
  Object.fromEntries([...unfilled].map(([one, columns]) => [one, Object.fromEntries(columns)]));
const of = (parts: Partial<UnfilledInput>): object => shown(unfilledOf({ ...third, ...parts }));
const noted: Unfilled = new Map([[a, new Map([['note', 3]])]]);
const gained = new Map([[a, ['note']]]);

test('a column that an incremental stream gains is unfilled since the sync that found it', () => {
  expect(of({ gained })).toEqual({ a: { note: 3 } });
  const both = new Map([[a, ['note', 'total']]]);
  expect(of({ before: noted, gained: both, syncNo: 4 })).toEqual({ a: { note: 3, total: 4 } });
});

test('what is read in full fills itself, and what starts from scratch has the column in time', () => {
  const inFull = catalogOf(stream('a', { sync_mode: 'full_refresh' }), stream('b'));
  expect(of({ gained, catalog: inFull })).toEqual({});
  const from = (...checkpoints: readonly Checkpoint[]) =>
    of({ gained, held: { ...third.held, checkpoints } });
  expect(from(checkpoint(a, 0))).toEqual({});
  expect(from(checkpoint(a, 0), checkpoint(globalScope, 0))).toEqual({});
  expect(from(checkpoint(a, 0), checkpoint(globalScope, 2))).toEqual({ a: { note: 3 } });
  // Nothing is known here: the destination may hold rows.
  expect(from()).toEqual({ a: { note: 3 } });
});

test('it is filled once a refresh that was asked for later has been carried out, not before', () => {
  const held = (generation: number, pending: boolean, key = a) => ({
    ...third.held,
    generations: { [key]: generation },
    minimumGenerations: pending ? { [key]: 0 } : {},
  });
  const after = (parts: Parameters<typeof held>) => of({ before: noted, held: held(...parts) });
  expect(after([4, true])).toEqual({ a: { note: 3 } });
  expect(after([4, false])).toEqual({});
  expect(after([4, false, everyStream])).toEqual({});
  // One that had begun before the column came has rows without it.
  expect(after([3, false])).toEqual({ a: { note: 3 } });
});

test('a sync that succeeds has carried out what was pending; a clear only its own streams', () => {
  const both: Unfilled = new Map([...noted, [b, new Map([['note', 3]])]]);
  const held = {
    generations: { [a]: 4, [b]: 4 },
    minimumGenerations: { [a]: 0, [b]: 4 },
    clearing: [],
  };
  expect(shown(unfilledAfter(both, held))).toEqual({});
  expect(shown(unfilledAfter(both, { ...held, clearing: [b] }))).toEqual({ a: { note: 3 } });
  const onlyA = { ...held, generations: { [a]: 4 }, minimumGenerations: { [a]: 0 } };
  expect(shown(unfilledAfter(both, onlyA))).toEqual({ b: { note: 3 } });
});

test('a column that the source gives up again is no longer waited for', () => {
  const without: Offer = new Map([[a, new Map([['id', 'string']])]]);
  expect(of({ before: noted, kept: without })).toEqual({});
});

test('it is kept with the offer, which is the text of before where nothing is unfilled', () => {
  expect(offerText(kept)).not.toContain('unfilled');
  const read = parseOffer(offerText(kept, noted));
  expect([read.offer, read.unfilled]).toEqual([kept, noted]);
  expect(parseOffer(offerText(kept)).unfilled).toEqual(new Map());
});

test('told is what is still copied, whether it merges, and no more than fits', () => {
  const told = (catalog = third.catalog, unfilled = noted) => unfilledColumns(unfilled, catalog);
  expect(told()).toEqual({
    streams: [{ stream: a, columns: ['note'], count: 1, again: 'merges' }],
    streamCount: 1,
  });
  const appended = catalogOf(stream('a', { destination_sync_mode: 'append' }));
  expect(told(appended)!.streams[0]).toMatchObject({ again: 'duplicates' });
  expect(told(catalogOf(stream('b')))).toBeNull();
  const chosen = stream('a', { stream: { name: 'a', json_schema: { properties: { id: {} } } } });
  expect(told(catalogOf(chosen))).toBeNull();

  const names = Array.from({ length: 30 }, (_, n) => `${n}`.padStart(300, 'x'));
  const wide = {
    name: 'a',
    json_schema: { properties: Object.fromEntries(names.map((n) => [n, {}])) },
  };
  const many = names.map((n) => stream(n, { stream: { ...wide, name: n } }));
  const since = new Map(names.map((n) => [n, 3]));
  const all = told(catalogOf(...many), new Map(names.map((n) => [id(n), since])))!;
  expect([all.streams.length, all.streamCount, all.streams[0]!.count]).toEqual([20, 30, 30]);
  expect(JSON.stringify(all).length).toBeLessThan(20_000);
  expect(unfilledText(all)[1]).toMatch(/ and 25 more$/);
  expect(unfilledText(all).at(-1)).toContain('in 10 more streams');
});
