import type { CaseDestination } from './destinations.ts';
import { charactersOf, judge, type ArrivedRow, type Outcome } from './judge.ts';
import type { CaseStream } from './layout.ts';
import type { CaseSource } from './case-source.ts';
import { changesOf } from './sync.ts';

/** By case; a case that the source has no spelling for is not in it. */
export type Outcomes = ReadonlyMap<string, Outcome>;

/** What arrived, looked at as often as one likes and read once. */
export type Arrivals = Pick<CaseDestination, 'rows'>;

export function readOnce(destination: Arrivals): Arrivals {
  const read = new Map<string, ReturnType<Arrivals['rows']>>();
  return {
    rows(table) {
      const rows = read.get(table) ?? destination.rows(table);
      read.set(table, rows);
      return rows;
    },
  };
}

/** What became of a stream's values. */
export async function outcomesOf(
  stream: CaseStream,
  source: Pick<CaseSource, 'given'>,
  destination: Arrivals,
): Promise<Outcomes> {
  const rows = new Map(
    (await destination.rows(stream.name)).map((row) => [charactersOf(row.get('case')), row]),
  );
  const outcomes = new Map<string, Outcome>();
  for (const { name } of stream.cases) {
    const one = source.given(stream.name, name);
    if (one === undefined) continue;
    const row = rows.get(name);
    if (row === undefined) throw new Error(`There is no row of ${name}.`);
    const changes = changesOf(row.get('_airbyte_meta'));
    const strays = [...ownCells(row).keys()].filter((column) => column !== one.field);
    const misnamed = changes.filter(({ field }) => field !== one.field);
    const outcome = judge(one, row.get(one.field) ?? null, changes);
    const stray = [...strays, ...misnamed.map(({ field }) => `changes of ${field}`)];
    outcomes.set(name, stray.length > 0 ? `BROKEN: also in ${stray.join(', ')}` : outcome);
  }
  return outcomes;
}

const others = /^(case|_airbyte_(raw_id|extracted_at|meta|generation_id)|_ab_source_file_\w+)$/;

/** The cells of a row that hold something, but those that all rows have. */
const ownCells = (row: ArrivedRow): ArrivedRow =>
  new Map([...row].filter(([column, cell]) => cell !== null && !others.test(column)));

/** The entries of all rows that say NULLED. */
export async function nulledIn(table: string, destination: Arrivals): Promise<number> {
  const rows = await destination.rows(table);
  return rows
    .flatMap((row) => changesOf(row.get('_airbyte_meta')))
    .filter(({ change }) => change === 'NULLED').length;
}

/** Where the value of a name was found: its columns, of all rows that have it. */
export async function columnsOfNames(
  stream: CaseStream,
  source: Pick<CaseSource, 'given'>,
  destination: Arrivals,
): Promise<ReadonlyMap<string, string>> {
  const rows = await destination.rows(stream.name);
  const columns = new Map<string, string>();
  for (const { name } of stream.cases) {
    const one = source.given(stream.name, name);
    if (one === undefined) continue;
    const own = rows.filter((row) => charactersOf(row.get('case')) === name);
    if (own.length === 0) throw new Error(`There is no row of ${name}.`);
    const found = new Set(own.map((row) => placeIn(row, JSON.parse(one.value!) as string)));
    columns.set(
      one.field,
      found.size === 1 ? [...found][0]! : `BROKEN: ${[...found].join(' and ')}`,
    );
  }
  return columns;
}

/** The column of the value, which is the only one in its row. */
function placeIn(row: ArrivedRow, value: string): string {
  const found = [...row]
    .filter(([, cell]) => charactersOf(cell) === value)
    .map(([column]) => column);
  const told = changesOf(row.get('_airbyte_meta'));
  if (found.length === 0 && told.length === 1 && told[0]!.change === 'NULLED') return nulledPlace;
  return found.length === 1 && told.length === 0
    ? found[0]!
    : `BROKEN: in ${found.join(', ') || 'no column'}`;
}

export const nulledPlace = '\0null, counted';
