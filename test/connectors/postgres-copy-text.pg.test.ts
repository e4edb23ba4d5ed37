import fc from 'fast-check';
import type { ConfiguredStream } from '../../protocol/index.ts';
import { landed, move, type Move, type Moved } from './postgres-moves.ts';
import { openPostgresPlace, type PostgresPlace } from './postgres-source-harness.ts';
import { ownTypes, postgresTypes } from './postgres-types.ts';

let place: PostgresPlace;
beforeAll(async () => {
  place = await openPostgresPlace();
  for (const statement of ownTypes) await place.sql(statement);
});
afterAll(() => place.database.drop());
const clean = (): Promise<unknown> =>
  place.sql(
    `DROP SCHEMA IF EXISTS here, json, fields, tidemark_json, tidemark_fields CASCADE; CREATE SCHEMA here`,
  );
beforeEach(clean);

/** Values that some path could take for others, beside those that the types' own test has. */
const moreValues: Readonly<Record<string, readonly string[]>> = {
  boolean: ['false'],
  bigint: ['-9223372036854775808', '0'],
  numeric: [`'Infinity'`, '0', '-0.000', `'1e-20'`, '1e30', `repeat('9', 300)::numeric`],
  'numeric(18)': [`'NaN'`, '-999999999999999999'],
  'double precision': [`'-Infinity'`, `'-0'`, '5e-324', '1.7976931348623157e308'],
  text: [
    ...[`'NULL'`, `'null'`, `'\\N'`, `E'\\t'`, `E'\\n'`, `' '`, `'t'`, `'1'`, `'{"a":1}'`],
    ...[`E'\\\\N\\\\.\\t\\n\\r\\x08'`, `repeat('漢', 3000)`],
  ],
  date: [`'-infinity'`, `'0001-01-01'`, `'5874897-12-31'`],
  timestamp: [`'294276-12-31 23:59:59.999999'`, `'9999-12-31 23:59:59'`, `'2024-01-01'`],
  timestamptz: [`'0044-03-15 12:00 BC'`, `'1900-01-01 00:00+00:17:30'`],
  timetz: [`'24:00+15:59'`, `'00:00-15:59'`],
  json: [
    ...[
      `'"text"'`,
      `'"null"'`,
      `'1.50'`,
      `'true'`,
      `' [ ] '`,
      `E'"a\\\\u0000b"'`,
      `E'"\\\\ud83d"'`,
    ],
  ],
  jsonb: [`'null'`, `'"\\t"'`, `'-0.0'`, `'[]'`],
};

interface Column {
  readonly type: string;
  readonly values: readonly string[];
}
const columns: readonly Column[] = postgresTypes.map(([type, , values]) => ({
  type,
  values: [...values.map(([value]) => value), ...(moreValues[type] ?? [])],
}));

/** A table `t` with a row for each of some picks: of each column a value by its number, or none. */
async function fill(
  chosen: readonly Column[],
  picks: readonly (readonly number[])[],
): Promise<void> {
  const definitions = chosen.map(({ type }, i) => `c${i} ${type}`);
  await place.sql(
    `CREATE TABLE here.t (${['id int PRIMARY KEY', ...definitions].join(', ')}) WITH (autovacuum_enabled = off)`,
  );
  for (const [id, row] of picks.entries()) {
    const values = chosen.map(({ values }, i) => values[row[i]! % (values.length + 1)] ?? 'NULL');
    await place.sql(`INSERT INTO here.t VALUES (${[id, ...values].join(', ')})`);
  }
}

/** The same sync both ways. What it came to must be the same. */
async function both(options: Move = {}): Promise<Readonly<Record<'json' | 'fields', Moved>>> {
  return { json: await move(place, 'json', options), fields: await move(place, 'fields', options) };
}

async function expectSame(table = 't'): Promise<readonly string[]> {
  const fields = await landed(place, 'fields', table);
  expect(fields).toEqual(await landed(place, 'json', table));
  return fields;
}

/** A row for each number of a value, and one without any. */
const allPicks = (chosen: readonly Column[]): readonly (readonly number[])[] => {
  const most = Math.max(...chosen.map(({ values }) => values.length));
  return Array.from({ length: most + 1 }, (_, n) => chosen.map(() => n));
};

/** Moves the table as it is, which does not fit, and then without what did not fit. Answers what that was. */
async function carefullyThenHurried(
  syncNo: number,
): Promise<readonly { readonly id: number; readonly field: string }[]> {
  const { json, fields } = await both({ syncNo });
  expect([json.encodings, fields.encodings]).toEqual([['jsonl'], ['pg-copy-text']]);
  const rows = (await expectSame()).length - 1;
  expect(rows).toBeGreaterThan(1);
  expect(fields.nulled).toBe(json.nulled);
  const misfits = await place.database.query<{ id: number; field: string }>(
    `SELECT id::int, change->>'field' AS field FROM json.t, jsonb_array_elements(_airbyte_meta->'changes') change
     WHERE change->>'change' = 'NULLED'`,
  );
  expect(misfits).toHaveLength(json.nulled);
  for (const { id, field } of misfits)
    await place.sql(`UPDATE here.t SET ${field} = NULL WHERE id = ${id}`);
  expect((await both({ syncNo: syncNo + 1 })).fields.nulled).toBe(0);
  expect(await expectSame()).toHaveLength(2 * rows + 1);
  return misfits;
}

const dedup = (configured: ConfiguredStream): ConfiguredStream => ({
  ...configured,
  ...{ destination_sync_mode: 'append_dedup', primary_key: [['id']] },
});

describe('rows that go from Postgres to Postgres as fields land as they do by JSON', () => {
  test('every value of every type: carefully, in a hurry where all of them fit, and where one does not', async () => {
    await fill(columns, allPicks(columns));
    const misfits = await carefullyThenHurried(1);
    const alone = new Set(
      misfits.map(({ id, field }) => {
        const { type, values } = columns[Number(field.slice(1))]!;
        return `${type} DEFAULT ${values[id % (values.length + 1)]}`;
      }),
    );
    await clean();
    await place.sql(
      [...alone]
        .map(
          (one, n) =>
            `CREATE TABLE here.t${n} (id int, c ${one}); INSERT INTO here.t${n} VALUES (1)`,
        )
        .join('; '),
    );
    expect((await both()).fields.nulled).toBe(alone.size);
    for (const n of [...alone].keys()) expect(await expectSame(`t${n}`)).toHaveLength(2);
    expect(alone.size).toBeGreaterThan(15);
  });

  test('any table, killed anywhere, changed meanwhile, one that dedups too', async () => {
    const pick = fc.nat(20);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(columns.length - 1), { minLength: 1, maxLength: 6 }),
        fc.array(fc.array(pick, { minLength: 6, maxLength: 6 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 2 }),
        fc.boolean(),
        fc.boolean(),
        async (chosen, picks, kills, isDedup, often) => {
          await clean();
          await fill(
            chosen.map((n) => columns[n]!),
            picks,
          );
          // So wide that the table has several pages.
          await place.sql(
            `ALTER TABLE here.t ADD pad text; UPDATE here.t SET pad = repeat('x', 1500)`,
          );
          const options: Move = {
            ...{ config: { checkpoint_pages: 1 }, often },
            ...(isDedup && { configured: dedup }),
          };
          for (const [n, statesMax] of kills.entries()) {
            await both({ ...options, statesMax, attempt: n + 1 });
            await place.sql(`UPDATE here.t SET pad = pad || 'y' WHERE id % 3 = ${n}`);
          }
          const { fields } = await both({ ...options, attempt: kills.length + 1 });
          const rows = await expectSame();
          if (kills.length === 0) expect(fields.encodings).toEqual(['pg-copy-text']);
          if (isDedup || kills.length === 0) expect(rows).toHaveLength(picks.length + 1);
        },
      ),
      { numRuns: 10 },
    );
  });

  test('columns that a person altered, of types that are not ours', async () => {
    const altered: readonly (readonly [string, string, readonly string[]])[] = [
      ['bigint', 'text', ['1', '-2']],
      ['double precision', 'text', [`'1e300'`, `'-0'`, `'NaN'`, '1.5']],
      ['timestamptz', 'text', [`'2024-01-02 03:04:05.6+02'`, `'0044-03-15Z BC'`, `'infinity'`]],
      ['timestamp', 'jsonb', [`'2024-01-02 03:04:05.6'`]],
      ['timestamptz', 'timestamptz(0)', [`'2024-01-02 03:04:05Z'`, `'2024-01-02 03:04:05.6Z'`]],
      ['timestamptz', 'date', [`'2024-01-02 00:00Z'`, `'2024-01-02 01:00Z'`]],
      ['numeric', 'jsonb', [`'1.50'`, `'NaN'`]],
      ['numeric', 'numeric(6,1)', ['1.5', '1.55', `'NaN'`, '1e30']],
      ['integer', 'smallint', ['1', '70000']],
      ['boolean', 'jsonb', ['true']],
      ['boolean', 'text', ['false']],
      ['boolean', 'bigint', ['true']],
      ['text', 'bigint', [`'12'`, `'012'`, `'1e2'`, `'x'`, `''`]],
      ['text', 'numeric', [`'1.50'`, `'NaN'`, `' 1'`]],
      ['text', 'boolean', [`'true'`, `'t'`]],
      ['text', 'timestamptz', [`'now'`, `'2024-01-02 03:04:60'`, `'2024-01-02T03:04:05.1234567Z'`]],
      ['text', 'jsonb', [`'{"a":1}'`]],
      ['text', 'varchar(2)', [`'ab'`, `'abc'`]],
      ['jsonb', 'bigint', ["'17'", '\'"18"\'', `'[]'`, `'null'`]],
      ['jsonb', 'text', [`'"x"'`, `'{"a":1}'`, `'null'`]],
      ['jsonb', 'boolean', [`'true'`, `'1'`]],
      ['json', 'text', [`'[1,  2]'`, `'"\\u0000"'`, `'null'`]],
      ['json', 'timestamptz', [`'"2024-01-02"'`, `'"now"'`]],
      ['int[]', 'int[]', [`'{1,2}'`]],
    ];
    const chosen = altered.map(([type, , values]): Column => ({ type, values }));
    await fill(chosen, []);
    await both();
    for (const way of ['json', 'fields'])
      await place.sql(
        altered
          .map(([, to], n) => `ALTER TABLE ${way}.t ALTER c${n} TYPE ${to} USING NULL`)
          .join('; '),
      );
    await place.sql('DROP TABLE here.t');
    await fill(chosen, allPicks(chosen));
    expect((await carefullyThenHurried(2)).length).toBeGreaterThan(10);
  });

  test('digits beyond those that a repaired record keeps are kept', async () => {
    await place.sql(`CREATE TABLE here.t (id int, a json, b json)`);
    await place.sql(
      `INSERT INTO here.t VALUES (1, '"\\u0000"', ('[' || repeat('9', 20000) || ']')::json)`,
    );
    await both();
    const [json] = await place.sql('SELECT b FROM json.t');
    const [fields] = await place.sql('SELECT a, length(b::text) AS b FROM fields.t');
    expect([json, fields]).toEqual([{ b: null }, { a: null, b: 20_002 }]);
  });
});
