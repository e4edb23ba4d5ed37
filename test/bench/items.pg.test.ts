import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { columnCount, differing, figuresOf, fill, type Figures } from '../../bench/tables/items.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let directory: string;
beforeEach(async () => {
  database = await testDatabase();
  directory = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
  await fill(database, 500);
});
afterEach(async () => {
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

const inPostgres = (): Promise<Figures> => figuresOf('postgres', (sql) => database.query(sql));

/** The same rows, as our destination types them. */
async function inDuckdb(): Promise<Figures> {
  const rows = await database.query<{ line: string }>(
    `SELECT row_to_json(items)::text AS line FROM items`,
  );
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run('CREATE SCHEMA public');
  await connection.run('CREATE TABLE lines (j JSON)');
  for (const { line } of rows)
    await connection.run(`INSERT INTO lines VALUES ('${line.replaceAll("'", "''")}')`);
  await connection.run(
    `CREATE TABLE public.items AS SELECT (j->>'id')::BIGINT id, (j->>'customer')::BIGINT customer, (j->>'amount')::DOUBLE amount,
       (j->>'weight')::DOUBLE weight, (j->>'active')::BOOLEAN active, (j->>'day')::DATE AS day, (j->>'changed_at')::TIMESTAMPTZ changed_at,
       j->>'code' code, j->>'note' note, j->'more' more FROM lines`,
  );
  try {
    return await figuresOf('duckdb', async (sql) =>
      (await connection.runAndReadAll(sql)).getRowObjectsJson(),
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

test('a table says the same of itself in Postgres and in DuckDB', async () => {
  const source = await inPostgres();
  expect(source.size).toBe(2 + 3 * columnCount);
  expect(source.get('rows')).toBe('500');
  expect(differing(source, await inDuckdb())).toEqual([]);
});

test.each([
  ['a value that changed', 'UPDATE items SET amount = amount + 0.01 WHERE id = 7', ['amount: sum']],
  ['a value that became null', 'UPDATE items SET active = NULL WHERE id = 7', ['active: count']],
  [
    'two values that changed places',
    `UPDATE items SET code = md5((9 - id)::text)::uuid WHERE id IN (4, 5)`,
    ['code: digest'],
  ],
  [
    'a row that is there twice, and one that is missing',
    `ALTER TABLE items DROP CONSTRAINT items_pkey; DELETE FROM items WHERE id = 8; INSERT INTO items SELECT * FROM items WHERE id = 9`,
    ['ids', 'id: sum'],
  ],
])('it tells %s', async (_, sql, expected) => {
  const before = await inPostgres();
  await database.query(sql);
  const told = differing(before, await inPostgres()).map((text) => text.split(': ').slice(0, -1));
  const names = told.map((parts) => parts.join(': '));
  for (const one of expected) expect(names.join('\n')).toContain(one);
});
