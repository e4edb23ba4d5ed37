import type { TestDatabase } from '../../test/support/postgres.ts';

/** The table that is copied, and what a database says of all of its rows: the same of equal tables, however they are stored. */

type Kind = 'number' | 'boolean' | 'date' | 'time' | 'text' | 'json';

interface Column {
  readonly name: string;
  readonly type: string;
  /** Of row `i`. */
  readonly value: string;
  readonly kind: Kind;
}

const columns: readonly Column[] = [
  { name: 'id', type: 'bigint', value: 'i', kind: 'number' },
  { name: 'customer', type: 'integer', value: 'i * 7919 % 1000003', kind: 'number' },
  { name: 'amount', type: 'numeric(12,2)', value: 'i % 10000000 / 100.0', kind: 'number' },
  { name: 'weight', type: 'double precision', value: 'i % 4096 / 8.0', kind: 'number' },
  { name: 'active', type: 'boolean', value: 'i % 3 = 0', kind: 'boolean' },
  { name: 'day', type: 'date', value: `date '2020-01-01' + (i % 2000)::int`, kind: 'date' },
  {
    ...{ name: 'changed_at', type: 'timestamptz', kind: 'time' },
    value: `timestamptz '2024-01-01Z' + i * interval '1.234567 s'`,
  },
  { name: 'code', type: 'uuid', value: 'md5(i::text)::uuid', kind: 'text' },
  {
    ...{ name: 'note', type: 'text', kind: 'text' },
    value: String.raw`CASE WHEN i % 7 > 0 THEN 'note "' || i || E'"\t\\ é\n' || repeat(md5((i / 3)::text), 2) END`,
  },
  {
    ...{ name: 'more', type: 'jsonb', kind: 'json' },
    value: `jsonb_build_object('n', i % 100, 'of', md5((i % 5000)::text), 'is', i % 2 = 0)`,
  },
];

export const columnCount = columns.length;
export const table = 'public.items';

export const createTable = `CREATE TABLE items (${columns.map(({ name, type }) => `${name} ${type}`).join(', ')})`;

/** Rows 1 to `rows`, the same each time. */
export async function fill(database: TestDatabase, rows: number): Promise<void> {
  await database.query(createTable);
  const values = columns.map(({ value }) => value).join(', ');
  await database.query(
    `INSERT INTO items SELECT ${values} FROM generate_series(1, ${rows}::bigint) i`,
  );
  await database.query('ALTER TABLE items ADD PRIMARY KEY (id)');
  await database.query('VACUUM ANALYZE items');
}

/** How a system writes what is to be compared. `text`: of a column, the same text for the same value. */
interface Dialect {
  readonly text: Readonly<Record<Kind, (column: string) => string>>;
  readonly sum: (text: string, kind: Kind) => string;
  /** Of 60 bits, added up: in whatever order the rows come, and not without one that is there twice. */
  readonly digest: (text: string) => string;
}

const postgres: Dialect = {
  text: {
    number: (c) => `trim_scale(${c}::numeric)::text`,
    boolean: (c) => `${c}::int::text`,
    date: (c) => `(${c} - date '1970-01-01')::text`,
    time: (c) => `(extract(epoch FROM ${c}) * 1000000)::bigint::text`,
    text: (c) => `${c}::text`,
    json: (c) => `translate(${c}::text, ' ', '')`,
  },
  sum: (text) => `trim_scale(sum(${text}::numeric))::text`,
  digest: (text) => `sum(('x' || left(md5(${text}), 15))::bit(60)::bigint)::text`,
};

const trimmed = (decimal: string): string => `rtrim(rtrim(${decimal}::VARCHAR, '0'), '.')`;

const duckdb: Dialect = {
  text: {
    // Its numbers are DOUBLE, of which the table's have no more digits than these.
    number: (c) => trimmed(`${c}::DECIMAL(18,6)`),
    boolean: (c) => `${c}::INT::VARCHAR`,
    date: (c) => `date_diff('day', DATE '1970-01-01', ${c})::VARCHAR`,
    time: (c) => `epoch_us(${c})::VARCHAR`,
    text: (c) => `${c}::VARCHAR`,
    json: (c) => `replace(${c}::VARCHAR, ' ', '')`,
  },
  // Into a decimal of 38 digits it reads some thousand texts a second.
  sum: (text, kind) =>
    kind === 'number' ? trimmed(`sum(${text}::DECIMAL(18,6))`) : `sum(${text}::BIGINT)::VARCHAR`,
  digest: (text) => `sum(('0x' || left(md5(${text}), 15))::BIGINT)::VARCHAR`,
};

const dialects = { postgres, duckdb };
export type System = keyof typeof dialects;

type Ask = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[] | null>;

/** By figure, such as `amount: sum`. */
export type Figures = ReadonlyMap<string, string>;

/** Of all rows, and of each column: how many values there are, their sum (of texts: of their lengths), and a digest of each with its row's id. */
export async function figuresOf(system: System, ask: Ask): Promise<Figures> {
  const { text, sum, digest } = dialects[system];
  const asked = columns.flatMap(({ name, kind }): [string, string][] => {
    const own = text[kind](name);
    const hasLength = kind === 'text' || kind === 'json';
    return [
      [`${name}: count`, `count(${name})`],
      [`${name}: sum`, sum(hasLength ? `length(${own})` : own, kind)],
      [`${name}: digest`, digest(`${text.number('id')} || ':' || ${own}`)],
    ];
  });
  const all: readonly [string, string][] = [['rows', 'count(*)'], ...asked];
  const list = all.map(([, value], i) => `${value} AS f${i}`);
  const [row] = (await ask(`SELECT ${list.join(', ')} FROM ${table}`)) ?? [];
  const [ids] = (await ask(`SELECT count(DISTINCT id) AS ids FROM ${table}`)) ?? [];
  return new Map([
    ...all.map(([name], i): [string, string] => [name, String(row?.[`f${i}`])]),
    ['ids', String(ids?.['ids'])],
  ]);
}

/** What two tables say otherwise, for people. */
export function differing(source: Figures, destination: Figures): readonly string[] {
  return [...source].flatMap(([name, value]) => {
    const there = destination.get(name);
    return there === value ? [] : [`${name}: ${value} at the source, ${there} at the destination`];
  });
}
