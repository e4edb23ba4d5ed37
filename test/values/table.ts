import type { ValueCase } from './cases.ts';
import { nulledPlace, type Outcomes } from './found.ts';
import { shownName } from './names.ts';

/** By destination and source. */
export type Found<T> = ReadonlyMap<string, ReadonlyMap<string, T>>;

/** All that a run found, of which a page is made. */
export interface Findings {
  readonly apart: Found<Outcomes>;
  readonly together: Found<Outcomes>;
  /** Columns by name of the field. */
  readonly names: Found<ReadonlyMap<string, string>>;
}

const valueLengthMax = 48;
const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('`', '´');
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map(() => '---'), ...rows].map(row).join('\n');
const code = (text: string): string => `\`${escaped(text)}\``;

function shownValue(value: string | null): string {
  if (value === null) return '';
  const text = value.replace(/[\u2028\u2029\u0085\ufeff\u007f]/g, ' ');
  const cut = text.length <= valueLengthMax ? text : `${text.slice(0, 24)}…${text.slice(-12)}`;
  return code(Buffer.from(cut).toString().replaceAll('\ufffd', ''));
}

/** What all of the sources come to, each where they differ. */
function shared(bySource: ReadonlyMap<string, string>): string {
  const outcomes = new Map<string, string[]>();
  for (const [source, outcome] of bySource)
    outcomes.set(outcome, [...(outcomes.get(outcome) ?? []), source]);
  const sorted = [...outcomes].sort(([, a], [, b]) => b.length - a.length);
  const [[first] = ['–'], ...rest] = sorted;
  return [first, ...rest.map(([outcome, from]) => `${outcome} from ${from.join(', ')}`)].join('; ');
}

function outcomeOf(found: ReadonlyMap<string, Outcomes>, name: string): string {
  const known = [...found].flatMap(([source, outcomes]): [string, string][] => {
    const outcome = outcomes.get(name);
    return outcome === undefined ? [] : [[source, outcome]];
  });
  return shared(new Map(known));
}

/** The sources that have a spelling for a case. */
function holders(found: Found<Outcomes>, name: string): string {
  const [bySource] = [...found.values()];
  const all = [...bySource!];
  const [held, not] = [true, false].map((is) =>
    all.filter(([, outcomes]) => outcomes.has(name) === is).map(([source]) => source),
  ) as [string[], string[]];
  if (not.length === 0) return 'all';
  return held.length > not.length ? `all but ${not.join(', ')}` : held.join(', ');
}

function valuesOf({ apart }: Findings, cases: readonly ValueCase[]): string {
  const types = [...new Set(cases.map(({ type }) => type))];
  const header = ['case', 'value', 'held by', ...apart.keys()];
  return types
    .map((type) => {
      const rows = cases
        .filter((one) => one.type === type)
        .map(({ name, value }) => [
          escaped(name.replace(/^[^:]*: /, '')),
          shownValue(value),
          holders(apart, name),
          ...[...apart.values()].map((found) => outcomeOf(found, name)),
        ]);
      return `### ${type}\n\n${table(header, rows)}`;
    })
    .join('\n\n');
}

function companyOf({ apart, together }: Findings, cases: readonly ValueCase[]): string {
  const rows = cases.flatMap(({ name }) =>
    [...apart.keys()].flatMap((to) => {
      const known = [...together.get(to)!].filter(([, outcomes]) => outcomes.has(name));
      const differing = known.filter(
        ([from, outcomes]) => outcomes.get(name) !== apart.get(to)!.get(from)!.get(name),
      );
      if (differing.length === 0) return [];
      const alone = new Map(
        differing.map(([from]) => [from, apart.get(to)!.get(from)!.get(name)!] as const),
      );
      const among = new Map(
        differing.map(([from, outcomes]) => [from, outcomes.get(name)!] as const),
      );
      const from =
        differing.length === known.length ? 'all' : differing.map(([one]) => one).join(', ');
      return [[escaped(name), to, from, shared(alone), shared(among)]];
    }),
  );
  return table(['case', 'into', 'from', 'in a column of its own', 'in one with the others'], rows);
}

function namesOf({ names }: Findings): string {
  const [bySource] = [...names.values()];
  const fields = [...new Set([...bySource!.values()].flatMap((columns) => [...columns.keys()]))];
  const rows = fields.map((field) => [
    code(shownName(field)),
    ...[...names.values()].map((found) => {
      const known = [...found].flatMap(([source, columns]): [string, string][] => {
        const column = columns.get(field);
        if (column === undefined) return [];
        if (column === nulledPlace) return [[source, 'null, counted']];
        return [[source, column === field ? '=' : code(shownName(column))]];
      });
      return shared(new Map(known));
    }),
  ]);
  return table(['field', ...names.keys()], rows);
}

/** What stands above the tables. */
export interface Page {
  readonly title: string;
  /** How it comes about. */
  readonly made: string;
  /** Who holds the cases, and what was tried. */
  readonly tried: string;
}

export const documentOf = (
  { title, made, tried }: Page,
  findings: Findings,
  cases: readonly ValueCase[],
): string =>
  `# ${title}

${made}

| outcome | |
|---|---|
| equal | the value is there: text by its characters, numbers by their digits, times as the same instant, JSON with the same members and items |
| null, counted | NULL, with an entry NULLED in \`_airbyte_meta.changes\`, and counted in the sync's summary |
| cut, told | what is below the microsecond is cut off, with an entry TRUNCATED |
| same double | the column holds the nearest double, which is written with other digits |

${tried}

## Values

Each case in a column of its own, in one of a few streams with cases of all kinds.

${valuesOf(findings, cases)}

## Values in one column with others

The same cases once more, all of a type in one column. Outcomes that differ:

${companyOf(findings, cases)}

## Names of fields

The column that a field's value is found in, \`=\` where it is called as the field is. A second sync, which brings the fields in another order,
finds the same columns.

${namesOf(findings)}
`;
