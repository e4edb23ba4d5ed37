import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { DuckdbConfig } from '../../connectors/duckdb/config.ts';
import { duckdbDestination } from '../../connectors/duckdb/destination.ts';
import { createDdlGuard, listen } from './ddl-guard.ts';
import type { Harness, TextRow } from './harness.ts';

/** The driver drops a byte order mark at the beginning of a text; of two it leaves one. */
export const withMark = (text: string): string =>
  `CASE WHEN starts_with(${text}, chr(65279)) THEN chr(65279) || ${text} ELSE ${text} END`;

const guard = createDdlGuard([
  // To publish, and to check.
  /^DROP TABLE IF EXISTS "/,
  /^ALTER TABLE [^,]* RENAME TO /,
  /^CREATE SCHEMA IF NOT EXISTS /,
]);
for (const method of ['run', 'runAndReadAll'] as const) listen(DuckDBConnection, method, guard);

/** A database file in a directory of its own. */
export async function createDuckdb(): Promise<Harness<DuckdbConfig>> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-duckdb-'));
  // The file's base name is a schema's too: names must not be ambiguous.
  const path = join(directory, 'main.duckdb');
  await writeFile(join(directory, 'text.duckdb'), 'this is no database at all');
  await mkdir(join(directory, 'folder.duckdb'));
  const at = (name: string): DuckdbConfig => ({ path: join(directory, name) });
  return {
    destination: duckdbDestination,
    config: { path },
    schema: 'main',
    broken: {
      'missing directory': at('missing/shop.duckdb'),
      'a directory': at('folder.duckdb'),
      'another file': at('text.duckdb'),
    },
    async query(sql) {
      const instance = await DuckDBInstance.create(path);
      const connection = await instance.connect();
      try {
        await connection.run(`SET TimeZone = 'UTC'`);
        if (!sql.startsWith('SELECT')) {
          await connection.run(sql);
          return [];
        }
        const result = await connection.runAndReadAll(
          `SELECT ${withMark('CAST(COLUMNS(*) AS VARCHAR)')} FROM (${sql})`,
        );
        const names = result.columnNames();
        // Not the driver's objects: a column may be called __proto__.
        return result
          .getRowsJson()
          .map((row) => Object.fromEntries(row.map((value, i) => [names[i]!, value])) as TextRow);
      } finally {
        connection.closeSync();
        instance.closeSync();
      }
    },
    async drop() {
      await rm(directory, { recursive: true, force: true });
      guard.check();
    },
  };
}
