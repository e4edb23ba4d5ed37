import type { CaseSource } from './case-source.ts';
import { valueCases } from './cases.ts';
import type { CaseDestination } from './destinations.ts';
import {
  columnsOfNames,
  nulledIn,
  outcomesOf,
  readOnce,
  type Arrivals,
  type Outcomes,
} from './found.ts';
import type { Outcome } from './judge.ts';
import { layOutApartIn, layOutTogether, type CaseStream } from './layout.ts';
import { nameStream } from './names.ts';
import { sources } from './sources.ts';
import { sync } from './sync.ts';

export const apart = layOutApartIn(4, 'apart', valueCases);
export const together = layOutTogether('together', valueCases);
export const all: readonly CaseStream[] = [...apart, together, nameStream];
/** The source that brings the fields in another order too: what comes of that is the destinations' matter. */
export const exact = 'exact protocol';
const reversed: CaseStream = { ...nameStream, cases: nameStream.cases.toReversed() };

const broken = (outcomes: ReadonlyMap<string, string>): readonly string[] =>
  [...outcomes].filter(([, one]) => one.startsWith('BROKEN')).map((pair) => pair.join(': '));

/** A sync; answers what arrived. */
export async function arrive(source: CaseSource, target: CaseDestination): Promise<Arrivals> {
  const { nulled } = await sync(source, target);
  const arrived = readOnce(target);
  const told = all.map(({ name }) => nulledIn(name, arrived));
  expect((await Promise.all(told)).reduce((sum, count) => sum + count)).toBe(nulled);
  return arrived;
}

/** The fields of the names' stream, and that each has one column. */
export async function namesFound(source: CaseSource, target: Arrivals) {
  const columns = await columnsOfNames(nameStream, source, target);
  expect(broken(columns)).toEqual([]);
  return columns;
}

/** What a suite of this directory has: sources and destinations that are gone after its tests, and what was found in them. */
export function createRig(destinations: Readonly<Record<string, () => Promise<CaseDestination>>>) {
  const made: CaseSource[] = [];
  const opened: CaseDestination[] = [];
  const keep = async (making: Promise<CaseSource>): Promise<CaseSource> => {
    const source = await making;
    made.push(source);
    return source;
  };
  const make = (from: string, streams: readonly CaseStream[]): Promise<CaseSource> =>
    keep(sources[from]!(streams));
  const lend = (target: CaseDestination): CaseDestination => {
    opened.push(target);
    return target;
  };
  const open = async (to: string): Promise<CaseDestination> => lend(await destinations[to]!());
  afterEach(async () => {
    for (const destination of opened.splice(0)) await destination.drop();
  });
  afterAll(async () => {
    for (const source of made) await source.drop();
  });

  const byDestination = <T>(): Map<string, Map<string, T>> =>
    new Map(Object.keys(destinations).map((to) => [to, new Map()]));
  const found = {
    apart: byDestination<Outcomes>(),
    together: byDestination<Outcomes>(),
    names: byDestination<ReadonlyMap<string, string>>(),
  };

  return {
    ...{ found, keep, make, lend, open },
    /** Every value arrives equal, or as NULL with a counted entry, in a column that is its own. Answers where. */
    async compare(
      this: void,
      from: string,
      source: CaseSource,
      to: string,
    ): Promise<CaseDestination> {
      const target = await open(to);
      const arrived = await arrive(source, target);
      const outcomes = async (stream: CaseStream): Promise<Outcomes> => {
        const ofStream = await outcomesOf(stream, source, arrived);
        expect(broken(ofStream)).toEqual([]);
        return ofStream;
      };
      const ofApart: [string, Outcome][] = [];
      for (const stream of apart) ofApart.push(...(await outcomes(stream)));
      found.apart.get(to)!.set(from, new Map(ofApart));
      found.together.get(to)!.set(from, await outcomes(together));
      found.names.get(to)!.set(from, await namesFound(source, arrived));
      return target;
    },
    /** After it, and a sync of the names: a second one brings the fields in another order, and finds the same columns. */
    async compareAgain(this: void, to: string, target: CaseDestination): Promise<void> {
      const source = await make(exact, [reversed]);
      await sync(source, target, 2);
      expect(await namesFound(source, target)).toEqual(found.names.get(to)!.get(exact));
    },
  };
}
