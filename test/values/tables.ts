import { isWhole } from './csv-file.ts';
import { judge } from './judge.ts';
import type { CaseStream, PlacedCase } from './layout.ts';

/** A value to be put into a column of a type: JSON as it stands, of all else the characters. */
export interface Put {
  readonly type: string;
  readonly text: string;
}

/** A row of a case: its name, and one column. */
export interface CaseRow {
  readonly name: string;
  readonly field: string;
  /** null: NULL. */
  readonly put: Put | null;
}

/** A database that cases are put into. */
export interface CaseTables {
  /** Types of columns that may hold values of a declared type, the plainest first. */
  typesOf(type: PlacedCase['type']): readonly string[];
  /** What each is once it stands in its column, as text; null: the column refuses it. */
  try(values: readonly Put[]): Promise<readonly (string | null)[]>;
  /** Those that columns of one table can be called beside `case`; of two that the system can't tell apart the first. */
  namesIn(fields: readonly string[]): Promise<ReadonlySet<string>>;
  /** `columns`: types by name, beside `case`. */
  create(
    table: string,
    columns: ReadonlyMap<string, string>,
    rows: readonly CaseRow[],
  ): Promise<void>;
}

/** Puts the streams into tables; answers the cases that they hold. What no column holds as it is has no spelling there. */
export async function fillTables(
  tables: CaseTables,
  streams: readonly CaseStream[],
): Promise<readonly CaseStream[]> {
  const fits = await fittingTypes(
    tables,
    streams.flatMap(({ cases }) => cases),
  );
  const all: CaseStream[] = [];
  for (const { name, cases } of streams) {
    const names = await tables.namesIn([...new Set(cases.map(({ field }) => field))]);
    const named = cases.filter(({ field }) => names.has(field));
    const columns = columnsOf(named, fits);
    const held = named.filter((one) => fits.get(one.name)!.has(columns.get(one.field) ?? ''));
    const rows = held.map((one): CaseRow => {
      const text = textIn(one);
      const put = text === null ? null : { type: columns.get(one.field)!, text };
      return { name: one.name, field: one.field, put };
    });
    await tables.create(name, columns, rows);
    all.push({ name, cases: held });
  }
  return all;
}

/** By the case's name. */
type Fits = ReadonlyMap<string, ReadonlySet<string>>;

async function fittingTypes(tables: CaseTables, cases: readonly PlacedCase[]): Promise<Fits> {
  const fits = new Map<string, Set<string>>(cases.map(({ name }) => [name, new Set()]));
  const asked: { readonly one: PlacedCase; readonly put: Put }[] = [];
  for (const one of new Map(cases.map((it) => [it.name, it])).values()) {
    if (!isSpelled(one)) continue;
    const text = textIn(one);
    const types = tables.typesOf(one.type);
    if (text === null) fits.set(one.name, new Set(types));
    else asked.push(...types.map((type) => ({ one, put: { type, text } })));
  }
  const found = await tables.try(asked.map(({ put }) => put));
  asked.forEach(({ one, put }, i) => {
    const text = found[i]!;
    const outcome = judge(one, text === null ? null : { as: 'text', text }, []);
    if (outcome === 'equal') fits.get(one.name)!.add(put.type);
  });
  return fits;
}

/** The type that holds most of a field's cases, the plainest of them. */
function columnsOf(cases: readonly PlacedCase[], fits: Fits): ReadonlyMap<string, string> {
  const counts = new Map<string, Map<string, number>>();
  for (const { name, field } of cases) {
    const ofField = counts.get(field) ?? new Map<string, number>();
    counts.set(field, ofField);
    for (const type of fits.get(name)!) ofField.set(type, (ofField.get(type) ?? 0) + 1);
  }
  const columns = new Map<string, string>();
  for (const [field, types] of counts) {
    const most = Math.max(...types.values());
    const type = [...types.keys()].find((one) => types.get(one) === most);
    if (type !== undefined) columns.set(field, type);
  }
  return columns;
}

const jsonTypes: ReadonlySet<PlacedCase['type']> = new Set(['object', 'array', 'mixed']);

/** null: NULL. */
function textIn({ type, value }: PlacedCase): string | null {
  if (value === null || value === 'null') return null;
  return !jsonTypes.has(type) && value.startsWith('"') ? (JSON.parse(value) as string) : value;
}

const textTypes: ReadonlySet<PlacedCase['type']> = new Set([
  ...(['string', 'date', 'timestamp', 'timestamptz', 'time', 'timetz'] as const),
]);

/** A column of text holds no number, one of numbers no text. */
function isSpelled({ type, value }: PlacedCase): boolean {
  if (value === null || value === 'null') return true;
  const isText = value.startsWith('"');
  if (isText && !isWhole(JSON.parse(value) as string)) return false;
  if (jsonTypes.has(type)) return true;
  if (textTypes.has(type)) return isText;
  return type === 'number'
    ? /^(-?\d|"-?(NaN|Infinity)"$)/.test(value)
    : /^(-?\d|true|false)/.test(value);
}
