import { createBucket } from '../connectors/s3/bucket.ts';
import { objects, type FileFormatName } from './case-files.ts';
import type { CaseSource } from './case-source.ts';
import { valueCases } from './cases.ts';
import { destinations, ofTables, type CaseDestination } from './destinations.ts';
import { outcomesOf, type Arrivals, type Outcomes } from './found.ts';
import { layOutAlone, layOutApart, type CaseStream } from './layout.ts';
import { nameStream } from './names.ts';
import { expectPage, renew, valuesPage } from './pages.ts';
import { all, arrive, createRig, exact, namesFound, together } from './rig.ts';
import { sources } from './sources.ts';
import { sync } from './sync.ts';
import { documentOf } from './table.ts';

/** Objects have their bytes from the same encoders as files. */
const toObjects: ReadonlySet<string> = new Set(['JSONL files', 'Postgres', 'MySQL']);
const { found, keep, make, lend, open, compare, compareAgain } = createRig(destinations);

const openObjects = async (): Promise<CaseDestination> =>
  lend(ofTables(await createBucket({ format: 'parquet' })));

describe.each(Object.keys(sources))('from %s', (from) => {
  let source: CaseSource;
  beforeAll(async () => {
    source = await make(from, all);
  });

  test.each(Object.keys(destinations))(
    'every value arrives in %s equal, or as NULL with a counted entry, in a column that is its own',
    async (to) => void (await compare(from, source, to)),
  );

  if (toObjects.has(from))
    test('what becomes of every value in Parquet objects of S3 is what becomes of it in Parquet files', async () => {
      const bucket = await openObjects();
      await sync(source, bucket);
      const outcomes = await outcomesOf(together, source, bucket);
      expect(outcomes.size).toBeGreaterThan(100);
      expect(outcomes).toEqual(found.together.get('Parquet files')!.get(from));
    });
});

describe('from objects of S3', () => {
  // By turns, so that one source has them all.
  const formats: readonly FileFormatName[] = ['CSV files', 'Parquet files', 'JSONL files'];
  const placed = all.map((stream, i) => [stream, formats[i % formats.length]!] as const);
  let source: CaseSource;
  beforeAll(async () => {
    source = await keep(objects(placed));
  });

  const outcomesIn = async (stream: CaseStream, arrived: Arrivals): Promise<Outcomes> => {
    const outcomes = await outcomesOf(stream, source, arrived);
    expect(outcomes.size).toBeGreaterThan(10);
    return outcomes;
  };
  /** What was found of files with the same bytes. */
  const foundOf = (stream: CaseStream, to: string, format: string): Outcomes => {
    const outcomes = (stream === together ? found.together : found.apart).get(to)!.get(format)!;
    const names = new Set(stream.cases.map(({ name }) => name));
    return new Map([...outcomes].filter(([name]) => names.has(name)));
  };

  test.each(Object.keys(destinations))(
    'every value and name becomes in %s what it becomes from files',
    async (to) => {
      const arrived = await arrive(source, await open(to));
      for (const [stream, format] of placed)
        if (stream === nameStream)
          expect(await namesFound(source, arrived)).toEqual(found.names.get(to)!.get(format));
        else expect(await outcomesIn(stream, arrived)).toEqual(foundOf(stream, to, format));
    },
  );

  test('every value becomes in Parquet objects of S3 what it becomes in Parquet files', async () => {
    const arrived = await arrive(source, await openObjects());
    for (const [stream, format] of placed)
      if (stream !== nameStream)
        expect(await outcomesIn(stream, arrived)).toEqual(foundOf(stream, 'Parquet files', format));
  });
});

test.each(Object.keys(destinations))('every field keeps its column in %s', async (to) => {
  const target = await open(to);
  await sync(await make(exact, [nameStream]), target, 1);
  await compareAgain(to, target);
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
  expectPage('values.md', documentOf(valuesPage, found, valueCases));
});
