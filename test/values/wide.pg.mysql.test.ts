import { createDuckdb } from '../connectors/duckdb-harness.ts';
import { createFiles } from '../connectors/files/written.ts';
import { checkpoint, failure, Sessions, stream, type Harness } from '../connectors/harness.ts';
import { createMysql } from '../connectors/mysql-harness.ts';
import { createPostgres } from '../connectors/postgres-harness.ts';

/** One record that fills every column, `length` characters in each. */
async function load<C>(
  harness: Harness<C>,
  { columns, length }: { readonly columns: number; readonly length: number },
): Promise<readonly (string | null | undefined)[]> {
  const fields = Array.from({ length: columns }, (_, i) => `column_${i}`);
  const properties = Object.fromEntries(fields.map((field) => [field, { type: 'string' }]));
  const json_schema = { type: 'object', properties };
  const data = Object.fromEntries(fields.map((field) => [field, field.padEnd(length, 'x')]));
  const sessions = new Sessions(harness);
  try {
    const session = await sessions.open({
      streams: [stream('wide', 'append', { stream: { name: 'wide', json_schema } })],
    });
    await session.load('wide', [JSON.stringify(data)], checkpoint('wide', 1, 1));
    const [row] = await harness.query(`SELECT * FROM "${harness.schema}".wide`);
    return fields.filter((field) => row![field] !== data[field]);
  } finally {
    await sessions.close();
    await harness.drop();
  }
}

const [wide, full, many] = [
  { columns: 500, length: 12 },
  { columns: 500, length: 200 },
  { columns: 1_001, length: 12 },
];
const tooMany = { kind: 'config_error', message: 'The stream has too many different fields.' };

test('Postgres takes a record of 500 values; where they are all long, it says what to do', async () => {
  expect(await load(await createPostgres(), wide)).toEqual([]);
  const refused = await failure(load(await createPostgres(), full));
  expect(refused).toMatchObject({
    kind: 'config_error',
    message: 'A value or a row is too large for Postgres.',
  });
  expect(refused.remedy).toMatch(/450/);
  expect(await failure(load(await createPostgres(), many))).toMatchObject(tooMany);
});

test('DuckDB and files take a record of 500 long values', async () => {
  expect(await load(await createDuckdb(), full)).toEqual([]);
  expect(await load(await createFiles(), full)).toEqual([]);
  expect(await load(await createFiles({ format: 'csv' }), full)).toEqual([]);
  expect(await load(await createFiles({ format: 'parquet' }), full)).toEqual([]);
  expect(await failure(load(await createDuckdb(), many))).toMatchObject(tooMany);
});

test.each(['mysql', 'mariadb'] as const)(
  '%s takes a record of 500 values; where they are all long, it says what to do',
  async (flavour) => {
    expect(await load(await createMysql(flavour), wide)).toEqual([]);
    const refused = await failure(load(await createMysql(flavour), full));
    expect(refused).toMatchObject({
      kind: 'config_error',
      message: 'A row is too large for MySQL.',
    });
    expect(refused.remedy).toMatch(/8,000 bytes/);
    expect(await failure(load(await createMysql(flavour), many))).toMatchObject(tooMany);
  },
);
