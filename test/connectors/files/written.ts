import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { membersOf } from '../../../connectors/kit/json-scan.ts';
import { cellsOf } from '../../../connectors/kit/ledger-cells.ts';
import { filesDestination, type FilesTargetConfig } from '../../../connectors/files/index.ts';
import type { Dataset, Manifest } from '../../../connectors/kit/files/manifest.ts';
import { streamDescriptor, type StreamId } from '../../../protocol/index.ts';
import { withMark } from '../duckdb-harness.ts';
import { type Harness, type TextRow } from '../harness.ts';

export interface FilesHarness extends Harness<FilesTargetConfig> {
  readonly root: string;
  manifests(): readonly Manifest[];
  /** Files that people's programs see, relative. */
  listing(): readonly string[];
  /** Names in the staging directory. */
  staged(): readonly string[];
}

export function createFiles(more: Partial<FilesTargetConfig> = {}): Promise<FilesHarness> {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-written-'));
  const root = join(directory, 'out');
  writeFileSync(join(directory, 'text'), 'this is no directory');
  const own = join(root, '_tidemark');
  const entries = (path: string): readonly string[] => {
    try {
      return readdirSync(path);
    } catch {
      return [];
    }
  };
  const manifests = (): readonly Manifest[] =>
    entries(own)
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(own, name), 'utf8')) as Manifest);
  const config = { path: root, ...more };
  return Promise.resolve({
    ...{ destination: filesDestination, config, root, manifests, schema: 'main' },
    broken: {
      'missing parent': { path: join(directory, 'missing', 'out') },
      'a file': { path: join(directory, 'text') },
      'a template': { path: root, template: '../{stream}/{sync}-{attempt}-{part}.{ext}' },
      'a format': { path: root, format: 'avro' as 'csv' },
      'a compression': { path: root, format: 'csv', compression: 'snappy' },
    },
    listing: () =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
        .filter((name) => !name.startsWith('_tidemark'))
        .sort(),
    staged: () => entries(join(own, 'staging')),
    query: (sql) => queryWritten(root, manifests(), sql),
    drop() {
      rmSync(directory, { recursive: true });
      return Promise.resolve();
    },
  });
}

/** A database made of what the manifests name, below `root`: a table for each stream that is to be read and that the query names, and the checkpoints. */
export async function queryWritten(
  root: string,
  manifests: readonly Manifest[],
  sql: string,
): Promise<readonly TextRow[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run(`SET TimeZone = 'UTC'`);
    await fillCheckpoints(connection, manifests);
    const shown = manifests.flatMap(({ streams }) =>
      Object.entries(streams).flatMap(([id, { current }]) =>
        current === null ? [] : [{ name: streamDescriptor(id as StreamId).name, current }],
      ),
    );
    const names = shown.map(({ name }) => name);
    for (const [i, { name, current }] of shown.entries())
      if (isAsked(name, sql)) await fill(connection, root, unlike(name, i, names), current);
    const all = await connection.runAndReadAll(
      `SELECT ${withMark('CAST(COLUMNS(*) AS VARCHAR)')} FROM (${sql})`,
    );
    const columns = all.columnNames();
    // Not the driver's objects: a column may be called __proto__.
    return all
      .getRowsJson()
      .map((row) => Object.fromEntries(row.map((value, i) => [columns[i]!, value])) as TextRow);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Lists of tables are of all. */
const isAsked = (name: string, sql: string): boolean =>
  sql.includes(name.replaceAll('"', '""')) || sql.includes('information_schema');
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

async function fillCheckpoints(
  connection: DuckDBConnection,
  manifests: readonly Manifest[],
): Promise<void> {
  await connection.run(
    'CREATE TABLE _tidemark_checkpoints (scope VARCHAR, seq BIGINT, state VARCHAR, committed_at VARCHAR)',
  );
  for (const row of manifests.flatMap(({ checkpoints }) => checkpoints)) {
    const { scope, seq, state, committed_at: at } = cellsOf(row);
    const values = [scope, seq, state, at].map((v) => (v === null ? 'NULL' : literal(String(v))));
    await connection.run(`INSERT INTO _tidemark_checkpoints VALUES (${values.join(', ')})`);
  }
}

async function fill(
  connection: DuckDBConnection,
  root: string,
  table: string,
  { files, columns }: Dataset,
): Promise<void> {
  const name = quoted(table);
  const paths = files.map(({ path }) => join(root, path));
  if (paths[0]?.endsWith('.parquet') === true) {
    await connection.run(
      `CREATE TABLE ${name} AS FROM read_parquet([${paths.map(literal).join(', ')}], union_by_name = true)`,
    );
    return;
  }
  if (files[0]?.columns !== undefined) {
    // DuckDB's own reader, told what docs/connectors.md tells people.
    await connection.run(
      `CREATE TABLE ${name} AS SELECT * FROM read_csv([${paths.map(literal).join(', ')}], header = true, delim = ',', quote = '"',
         escape = '"', nullstr = '', allow_quoted_nulls = false, all_varchar = true, union_by_name = true)`,
    );
    return;
  }
  const rows = paths.flatMap(jsonlRows);
  const all = [...new Set([...columns, ...rows.flatMap((row) => [...row.keys()])])];
  const names = all.map((column, i) =>
    quoted(column === '' ? `empty_${i}` : unlike(column, i, all)),
  );
  await connection.run(
    `CREATE TABLE ${name} (${names.map((column) => `${column} VARCHAR`).join(', ')})`,
  );
  const appender = await connection.createAppender(table);
  for (const row of rows) {
    for (const column of all) {
      const value = row.get(column) ?? null;
      if (value === null) appender.appendNull();
      else appender.appendVarchar(value);
    }
    appender.endRow();
  }
  appender.closeSync();
}

/** DuckDB's tables ignore case. */
const unlike = (column: string, i: number, all: readonly string[]): string =>
  all.slice(0, i).some((one) => one.toLowerCase() === column.toLowerCase())
    ? `${column}_${i}`
    : column;

export const textOf = (path: string): string => {
  const bytes = readFileSync(path);
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
};

/** The fields of each line: texts of strings, JSON texts of all else. */
function jsonlRows(path: string): Map<string, string | null>[] {
  const lines = textOf(path).split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => {
    JSON.parse(line);
    const row = new Map<string, string | null>();
    for (const { key, start, end } of membersOf(line, 0)) {
      const value = line.slice(start, end);
      const isText = value.startsWith('"');
      const text = isText ? (JSON.parse(value) as string) : value === 'null' ? null : value;
      expect(row.has(JSON.parse(key) as string)).toBe(false);
      row.set(JSON.parse(key) as string, text);
    }
    return row;
  });
}

export function putFile(root: string, path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}
