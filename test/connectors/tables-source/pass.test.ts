import fc from 'fast-check';
import { createPass, hashesMax } from '../../../connectors/kit/tables-source/pass.ts';
import type { Place } from '../../../connectors/kit/tables-source/state.ts';

interface Row {
  readonly cursor: number;
  /** null: of a table without a key. */
  readonly key: number | null;
  readonly note: number;
}

interface Reading {
  readonly place: Place | null;
  readonly cursor: string | null;
  /** null: the reading is at its end. */
  readonly bounds: { readonly upTo: number; readonly near: number | null } | null;
}
const nothing: Reading = { place: null, cursor: null, bounds: null };

/** As a database answers: rows from a place on, up to a value, in order. */
function rowsFrom(table: readonly Row[], place: Place | null, from: number, upTo: number): Row[] {
  const isWanted = ({ cursor, key }: Row): boolean => {
    if (cursor > upTo) return false;
    if (place === null || cursor >= from) return true;
    if ('since' in place) return cursor >= Number(place.since);
    if (cursor > Number(place.after)) return true;
    return cursor === Number(place.after) && place.key !== undefined && key! > Number(place.key[0]);
  };
  return table.filter(isWanted).sort((a, b) => a.cursor - b.cursor || (a.key ?? 0) - (b.key ?? 0));
}

/** Reads until `rowsMax` rows came; what no place covers by then is lost with the reader, as in a crash. */
function read(
  table: readonly Row[],
  state: Reading,
  { lookBack, rowsMax }: { lookBack: number; rowsMax: number },
): { readonly sent: Row[]; readonly next: Reading } {
  const upTo = state.bounds?.upTo ?? Math.max(...table.map(({ cursor }) => cursor));
  const near = state.bounds === null ? (lookBack > 0 ? upTo - lookBack : null) : state.bounds.near;
  const isNew = state.bounds === null && lookBack > 0 && state.cursor !== null;
  const from = isNew ? Number(state.cursor) - lookBack : Infinity;
  const { place, cursor } = state;
  const pass = createPass({ place, cursor, near: near === null ? null : String(near) });
  const sent: Row[] = [];
  let covered = 0;
  let next = state;
  const rows = rowsFrom(table, place, from, upTo);
  const boundsNow = (): NonNullable<Reading['bounds']> => ({
    upTo,
    near: pass.keepsNear ? near : null,
  });
  for (const row of rows.slice(0, rowsMax)) {
    const isSent = pass.take({
      cursor: String(row.cursor),
      data: Buffer.from(JSON.stringify(row)),
      isNear: near !== null && row.cursor >= near,
      key: () => (row.key === null ? null : [String(row.key)]),
    });
    if (isSent) sent.push(row);
    const at = pass.place();
    if (at === null) continue;
    covered = sent.length;
    next = { place: at, cursor: pass.cursor, bounds: boundsNow() };
  }
  if (rows.length <= rowsMax)
    return { sent, next: { place: pass.end(), cursor: pass.cursor, bounds: null } };
  return { sent: sent.slice(0, covered), next };
}

const textOf = (row: Row): string => JSON.stringify(row);
const sorted = (rows: readonly Row[]): string[] => rows.map(textOf).sort();

const rowsOf = (keyed: boolean, cursors: fc.Arbitrary<number>): fc.Arbitrary<Row[]> =>
  fc
    .array(fc.record({ cursor: cursors, note: fc.nat(2) }), { minLength: 1, maxLength: 30 })
    .map((rows) => rows.map((row, i) => ({ ...row, key: keyed ? i : null })));

test.each([true, false])(
  'whatever is killed wherever, each row is sent once, also late ones at the last value (key: %s)',
  (keyed) => {
    fc.assert(
      fc.property(
        rowsOf(keyed, fc.nat(5)),
        rowsOf(keyed, fc.constant(5)),
        fc.array(fc.nat(12), { maxLength: 20 }),
        fc.nat(3),
        (first, late, kills, lookBack) => {
          const table = [...first, { cursor: 5, key: keyed ? 1_000 : null, note: 0 }];
          const sent: Row[] = [];
          let state = nothing;
          const run = (rowsMax: number): void => {
            const outcome = read(table, state, { lookBack, rowsMax });
            sent.push(...outcome.sent);
            state = outcome.next;
          };
          for (const rowsMax of kills) run(rowsMax);
          run(Infinity);
          expect(sorted(sent)).toEqual(sorted(table));
          // Lower keys than those that were sent, at the very same value.
          table.push(...late.map((row) => ({ ...row, key: keyed ? -1 - row.key! : null })));
          if (state.bounds === null) run(1);
          run(Infinity);
          run(Infinity);
          expect(sorted(sent)).toEqual(sorted(table));
        },
      ),
    );
  },
);

const many = hashesMax + 500;
const tied = (keyed: boolean): Row[] =>
  Array.from({ length: many }, (_, i) => ({ cursor: 7, key: keyed ? i : null, note: i }));

test('more rows of one value than are remembered: with a key it goes on after the last one', () => {
  const table = tied(true);
  const one = read(table, nothing, { lookBack: 0, rowsMax: many - 10 });
  expect(one.next.place).toEqual({ after: '7', key: [String(many - 11)] });
  const two = read(table, one.next, { lookBack: 0, rowsMax: Infinity });
  expect(sorted([...one.sent, ...two.sent])).toEqual(sorted(table));
  table.push({ cursor: 7, key: many, note: 0 }, { cursor: 7, key: -1, note: 0 });
  const three = read(table, two.next, { lookBack: 0, rowsMax: Infinity });
  // What is lower is found by a look-back alone.
  expect(three.sent.map(({ key }) => key)).toEqual([many]);
});

test('more rows of one value than are remembered: without a key no state comes among them, and the value is done with at its end', () => {
  const table = [{ cursor: 6, key: null, note: 0 }, ...tied(false)];
  const one = read(table, nothing, { lookBack: 0, rowsMax: many });
  expect(one.sent).toHaveLength(hashesMax + 1);
  const two = read(table, one.next, { lookBack: 0, rowsMax: Infinity });
  expect(sorted([...one.sent, ...two.sent])).toEqual(sorted(table));
  expect(two.next.place).toEqual({ after: '7' });
  table.push({ cursor: 8, key: null, note: 0 });
  expect(read(table, two.next, { lookBack: 0, rowsMax: Infinity }).sent).toEqual([table.at(-1)]);
});

test('rows that are committed late are found within the look-back, and nothing is sent again', () => {
  const table: Row[] = Array.from({ length: 100 }, (_, i) => ({ cursor: i, key: i, note: 0 }));
  const one = read(table, nothing, { lookBack: 10, rowsMax: Infinity });
  const late = [95, 89, 88].map((cursor) => ({ cursor, key: 1_000 + cursor, note: 1 }));
  table.push(...late, { cursor: 200, key: 200, note: 0 });
  const two = read(table, one.next, { lookBack: 10, rowsMax: Infinity });
  expect(two.sent.map(({ cursor }) => cursor)).toEqual([89, 95, 200]);
});

test('a look-back over more rows than are remembered sends them again', () => {
  const table: Row[] = Array.from({ length: many }, (_, i) => ({ cursor: i, key: i, note: 0 }));
  const one = read(table, nothing, { lookBack: many, rowsMax: Infinity });
  expect(one.next.place).toEqual({ since: String(many - 1), sent: [expect.any(String)] });
  const two = read(table, one.next, { lookBack: 10, rowsMax: Infinity });
  expect(two.sent.map(({ key }) => key)).toEqual(
    Array.from({ length: 10 }, (_, i) => many - 11 + i),
  );
});
