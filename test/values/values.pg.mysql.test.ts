import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { valueCases } from './cases.ts';
import { destinations, type CaseDestination } from './destinations.ts';
import { columnsOfNames, nulledIn, outcomesOf, type Outcomes } from './found.ts';
import { layOutAlone, layOutApart, layOutTogether, type CaseStream } from './layout.ts';
import { nameStream, wideStream } from './names.ts';
import { sources, type CaseSource } from './sources.ts';
import { sync } from './sync.ts';
import { documentOf } from './table.ts';

const page = fileURLToPath(new URL('../../docs/values.md', import.meta.url));
const renewVariable = 'RENEW_VALUES';
const renew = `${renewVariable}=1 node test/run.mjs test/values`;

const apart = layOutApart('apart', valueCases);
const together = layOutTogether('together', valueCases);
const both = [apart, together];
/** The source that brings the wide stream too: its width is the destinations' matter. */
const exact = 'exact protocol';
const reversed: CaseStream = { ...nameStream, cases: nameStream.cases.toReversed() };

const made: CaseSource[] = [];
const opened: CaseDestination[] = [];
async function make(from: string, streams: readonly CaseStream[]): Promise<CaseSource> {
  const source = await sources[from]!(streams);
  made.push(source);
  return source;
}
async function open(to: string): Promise<CaseDestination> {
  const destination = await destinations[to]!();
  opened.push(destination);
  return destination;
}
afterEach(async () => {
  for (const destination of opened.splice(0)) await destination.drop();
});
afterAll(() => made.forEach((source) => source.drop()));

const byDestination = <T>(): Map<string, Map<string, T>> =>
  new Map(Object.keys(destinations).map((to) => [to, new Map()]));
const found = {
  apart: byDestination<Outcomes>(),
  together: byDestination<Outcomes>(),
  names: byDestination<ReadonlyMap<string, string>>(),
};

const broken = (outcomes: ReadonlyMap<string, string>): readonly string[] =>
  [...outcomes].filter(([, one]) => one.startsWith('BROKEN')).map((pair) => pair.join(': '));

describe.each(Object.keys(sources))('from %s', (from) => {
  let values: CaseSource;
  let names: readonly [CaseSource, CaseSource];
  beforeAll(async () => {
    values = await make(from, from === exact ? [...both, wideStream] : both);
    names = [await make(from, [nameStream]), await make(from, [reversed])];
  });

  test.each(Object.keys(destinations))(
    'every value arrives in %s equal, or as NULL with a counted entry',
    async (to) => {
      const target = await open(to);
      const streams = from === exact ? [...both, wideStream] : both;
      const { nulled } = await sync(values, target);
      const told = streams.map(({ name }) => nulledIn(name, target));
      expect((await Promise.all(told)).reduce((sum, count) => sum + count)).toBe(nulled);
      for (const stream of streams) {
        const outcomes = await outcomesOf(stream, values, target);
        expect(broken(outcomes)).toEqual([]);
        if (stream === apart) found.apart.get(to)!.set(from, outcomes);
        if (stream === together) found.together.get(to)!.set(from, outcomes);
        if (stream === wideStream) expect(new Set(outcomes.values())).toEqual(new Set(['equal']));
      }
    },
  );

  test.each(Object.keys(destinations))(
    'every field has a column of its own in %s, and keeps it',
    async (to) => {
      const target = await open(to);
      for (const [i, source] of names.entries()) await sync(source, target, i + 1);
      const columns = await columnsOfNames(nameStream, names[0], target);
      expect(broken(columns)).toEqual([]);
      found.names.get(to)!.set(from, columns);
    },
  );
});

test('values are as they are found alone, whatever is wrong with others', async () => {
  const outcomes = found.apart.get('Postgres')!.get(exact)!;
  const isEqual = ({ name }: { readonly name: string }): boolean => outcomes.get(name) === 'equal';
  // Where all fits, Postgres casts in a hurry; one value that does not, and it is careful with the whole stream.
  const streams = [
    layOutApart('sound', valueCases.filter(isEqual)),
    ...layOutAlone(valueCases.filter((one) => !isEqual(one))),
  ];
  const source = await make(exact, streams);
  const target = await open('Postgres');
  await sync(source, target);
  const others = new Map<string, string>();
  for (const stream of streams)
    for (const [name, outcome] of await outcomesOf(stream, source, target))
      if (outcome !== outcomes.get(name)) others.set(name, outcome);
  // What is repaired for the sake of another value is held to narrower limits.
  expect(Object.fromEntries(others)).toEqual({
    'number: 10,001 digits': 'equal',
    'number: 1e99999': 'equal',
    'object: 1001 deep': 'equal',
  });
});

test(`docs/values.md is what was found (to renew it: ${renew})`, () => {
  const document = documentOf(found, valueCases, renew);
  if (process.env[renewVariable] !== undefined) writeFileSync(page, document);
  expect(readFileSync(page, 'utf8')).toBe(document);
});
