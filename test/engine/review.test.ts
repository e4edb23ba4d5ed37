import { offerText, parseOffer } from '../../engine/offer.ts';
import { reviewSchema, type Review, type ReviewInput } from '../../engine/review.ts';
import { schemaText, type JsonObject, type Stream } from '../../protocol/index.ts';

type Fields = Readonly<Record<string, string | JsonObject>>;

const streamOf = (name: string, fields: Fields): Stream => ({
  name,
  json_schema: {
    properties: Object.fromEntries(
      Object.entries(fields).map(([field, type]) => [
        field,
        typeof type === 'string' ? { type: ['null', type] } : type,
      ]),
    ),
  },
});
const catalogOf = (streams: Readonly<Record<string, Fields>>) => ({
  streams: Object.entries(streams).map(([name, fields]) => streamOf(name, fields)),
});

const old = { orders: { id: 'integer', note: 'string' }, people: { id: 'integer' } };

function review(
  now: Readonly<Record<string, Fields>>,
  more: Partial<ReviewInput> = {},
  before: Readonly<Record<string, Fields>> | Review = old,
): Review {
  const input = { connection: 'shop', selections: undefined, accepted: null, ...more };
  const { kept } =
    'kept' in before
      ? (before as Review)
      : reviewSchema({
          ...input,
          policy: 'propagate',
          catalog: catalogOf(before as Readonly<Record<string, Fields>>),
          before: null,
        });
  // As the destination gives it back.
  const remembered = parseOffer(offerText(kept)).offer;
  return reviewSchema({
    policy: 'propagate',
    catalog: catalogOf(now),
    before: remembered,
    ...input,
  });
}

const lines = ({ changes }: Review): readonly string[] =>
  changes === null ? [] : schemaText(changes).map((line) => line.trim());
const names = ({ catalog }: Review): string[] => catalog.streams.map(({ name }) => name);

const wider = {
  orders: { id: 'number', total: { type: 'string', format: 'date-time' } },
  items: { id: 'integer' },
};

test('what did not change, and what nobody remembers, is no news', () => {
  expect(review(old).changes).toBeNull();
  const loose = { orders: { note: { type: 'string' }, id: 'integer' }, people: old.people };
  expect(review(loose).changes).toBeNull();
  const { changes, refusal } = reviewSchema({
    ...{ connection: 'shop', selections: undefined, accepted: null, before: null },
    ...{ policy: 'pause', catalog: catalogOf(wider) },
  });
  expect([changes, refusal]).toEqual([null, null]);
});

test('propagate takes everything over and tells it', () => {
  const found = review(wider);
  expect(lines(found)).toEqual([
    'the source changed (taken over):',
    '+ stream items',
    '~ orders.id (integer to number)',
    '- orders.note',
    '+ orders.total (string (date-time))',
    '- stream people',
  ]);
  expect([found.frozen, found.refusal, names(found)]).toEqual([false, null, ['orders', 'items']]);
  expect([...found.gained]).toEqual([['orders', ['total']]]);
  expect(review(wider, {}, found).changes).toBeNull();
});

test('ignore leaves new columns and streams out, until they are accepted', () => {
  const first = review(wider, { policy: 'ignore' });
  expect(lines(first)[0]).toBe('the source changed (not taken over):');
  expect([first.frozen, names(first)]).toEqual([true, ['orders']]);
  expect(first.gained.size).toBe(0);
  // What was accepted is remembered, also what is gone for now.
  const second = review({ ...wider, ...old }, { policy: 'ignore' }, first);
  expect(lines(second).slice(1)).toEqual(['+ stream items']);
  expect(names(second)).toEqual(['orders', 'people']);
  const accepted = review(wider, { policy: 'ignore', accepted: first.changes!.id }, first);
  expect([accepted.frozen, names(accepted)]).toEqual([false, ['orders', 'items']]);
  expect(accepted.changes!.taken).toBe(true);
  expect([...accepted.gained]).toEqual([['orders', ['total']]]);
  const after = review(wider, { policy: 'ignore' }, accepted);
  expect([after.changes, after.frozen]).toEqual([null, true]);
});

test('pause refuses until a person has accepted exactly these changes', () => {
  const { refusal, changes, kept } = review(wider, { policy: 'pause' });
  expect(refusal).toMatchObject({ kind: 'config_error', origin: 'source' });
  expect(refusal!.place).toContain('~ orders.id (integer to number)');
  expect(refusal!.remedy).toContain('tidemark schema accept shop');
  expect(changes!.taken).toBe(false);
  expect(offerText(kept)).toBe(offerText(review(old).kept));
  const accepted = changes!.id;
  expect(review(wider, { policy: 'pause', accepted }).refusal).toBeNull();
  const more = { ...wider, extra: { id: 'integer' } };
  expect(review(more, { policy: 'pause', accepted }).refusal).not.toBeNull();
});

test('streams that are not selected do not matter beyond being told', () => {
  const selections = [{ name: 'orders' }];
  const now = { orders: old.orders, people: { other: 'string' }, items: { id: 'integer' } };
  const found = review(now, { policy: 'pause', selections });
  expect(lines(found).slice(1)).toEqual(['+ stream items']);
  expect([found.refusal, found.changes!.taken]).toEqual([null, true]);
  expect(review(now, { policy: 'pause', selections }, found).changes).toBeNull();
  const ignored = review(now, { policy: 'ignore', selections });
  expect(review(now, { policy: 'ignore', selections }, ignored).changes).toBeNull();
});

test('a stream that a person selects, and columns that a person chooses, are no news', () => {
  const before = review(old, { selections: [{ name: 'orders' }] });
  const both = [{ name: 'orders', columns: ['id'] }, { name: 'people' }];
  const now = { orders: { id: 'integer', total: 'number' }, people: { id: 'integer' } };
  expect(review(now, { policy: 'pause', selections: both }, before).changes).toBeNull();
});

test('what is told is bounded, and counts all', () => {
  const many = Object.fromEntries(
    Array.from({ length: 500 }, (_, n) => [`${n}`.padStart(200, 'x'), 'string']),
  );
  const { changes, refusal } = review({ ...old, orders: many }, { policy: 'pause' });
  expect([changes!.changes.length, changes!.count]).toEqual([20, 502]);
  expect(JSON.stringify(changes).length).toBeLessThan(5_000);
  expect(refusal!.place!.length).toBeLessThan(300);
});
