import { valueCases } from './cases.ts';
import { destinations } from './destinations.ts';
import { charactersOf, judge, type Outcome } from './judge.ts';
import { layOut, type CaseStream } from './layout.ts';
import { sources, type CaseSource } from './sources.ts';
import { changesOf, sync } from './sync.ts';
import type { CaseDestination } from './destinations.ts';

const made = new Map<string, Promise<CaseSource>>();
afterAll(async () => {
  for (const source of made.values()) (await source).drop();
});

const streams = [layOut(valueCases, 'apart'), layOut(valueCases, 'together')];

async function outcomesOf(
  stream: CaseStream,
  source: CaseSource,
  destination: CaseDestination,
): Promise<Map<string, Outcome | 'absent'>> {
  const rows = new Map(
    (await destination.rows(stream.name)).map((row) => [charactersOf(row.get('case')), row]),
  );
  return new Map(
    stream.cases.map(({ name }) => {
      const one = source.given(stream.name, name);
      if (one === undefined) return [name, 'absent'];
      const row = rows.get(name);
      if (row === undefined) return [name, 'BROKEN: no row'];
      const changes = changesOf(row.get('_airbyte_meta'));
      const outcome = judge(
        one,
        row.get(one.field) ?? null,
        changes.filter(({ field }) => field === one.field),
      );
      return [name, outcome];
    }),
  );
}

describe.each(Object.keys(destinations))('into %s', (to) => {
  test.each(Object.keys(sources))('from %s', async (from) => {
    if (!made.has(from)) made.set(from, sources[from]!(streams));
    const source = await made.get(from)!;
    const destination = await destinations[to]!();
    try {
      const { nulled } = await sync(source, destination);
      const broken: string[] = [];
      for (const stream of streams)
        for (const [name, outcome] of await outcomesOf(stream, source, destination))
          if (outcome.startsWith('BROKEN')) broken.push(`${stream.name} ${name}: ${outcome}`);
      expect({ broken, nulled }).toEqual({ broken: [], nulled });
    } finally {
      await destination.drop();
    }
  });
});
