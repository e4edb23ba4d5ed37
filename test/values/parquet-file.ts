import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { quoteIdentifier } from '../../connectors/kit/identifiers.ts';
import { withMark } from '../connectors/duckdb-harness.ts';
import { isWhole } from './csv-file.ts';
import { judge } from './judge.ts';
import type { CaseStream, PlacedCase } from './layout.ts';
import type { CaseFile } from './case-files.ts';

const literal = (text: string): string =>
  text
    .split('\0')
    .map((part) => `'${part.replaceAll("'", "''")}'`)
    .join(` || chr(0) || `);
const cast = (value: string, type: string): string => `TRY_CAST(${literal(value)} AS ${type})`;

/** A Parquet file with a column for each case that a type of Parquet holds; written by DuckDB. */
export async function parquetFile({ cases }: CaseStream): Promise<CaseFile> {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-values-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run(`SET TimeZone = 'UTC'`);
    const held: HeldCase[] = [];
    const typeOf = new Map<string, string>();
    for (const one of cases.filter(hasName)) {
      const found = await sqlOf(connection, one);
      // A column has the type that its first value has.
      if (found === null || found.type !== (typeOf.get(one.field) ?? found.type)) continue;
      typeOf.set(one.field, found.type);
      held.push({ ...one, sql: found.sql });
    }
    const file = join(directory, 'cases.parquet');
    const columns = [...typeOf.keys()].map((field) => {
      const whens = held.map((one, i) => (one.field === field ? `WHEN ${i} THEN ${one.sql}` : ''));
      return `CASE n ${whens.join(' ')} END AS ${quoteIdentifier(field)}`;
    });
    const names = held.map(({ name }) => literal(name));
    await connection.run(
      `COPY (SELECT ([${names.join(', ')}])[n + 1] AS "case", ${columns.join(', ')} FROM range(${held.length}) r(n)) TO '${file}' (FORMAT parquet)`,
    );
    return { bytes: readFileSync(file), held };
  } finally {
    connection.closeSync();
    instance.closeSync();
    rmSync(directory, { recursive: true });
  }
}

/** DuckDB, which writes the file, has no two names that differ only in case. */
function hasName({ field }: PlacedCase, i: number, all: readonly PlacedCase[]): boolean {
  const folded = field.toLowerCase();
  const isTaken = all
    .slice(0, i)
    .some((one) => one.field !== field && one.field.toLowerCase() === folded);
  return !isTaken && field !== '' && folded !== 'case' && isWhole(field) && !field.includes('\0');
}

type HeldCase = PlacedCase & { readonly sql: string };

/** SQL for the value, and its type; null: no type holds it. */
async function sqlOf(
  connection: DuckDBConnection,
  one: PlacedCase,
): Promise<{ readonly sql: string; readonly type: string } | null> {
  const { value } = one;
  if (one.parquet !== undefined) return { sql: one.parquet, type: one.parquet };
  const types = typesOf(one);
  const [plainest] = types;
  if (value === null || value === 'null')
    return plainest === undefined ? null : { sql: `NULL::${plainest}`, type: plainest };
  const text = value.startsWith('"') ? (JSON.parse(value) as string) : value;
  // Infinity is a day of DuckDB's, not of Parquet's.
  if (!isWhole(text) || (one.type !== 'string' && /infinity/.test(text))) return null;
  for (const type of types) {
    const reader = await connection.runAndReadAll(
      `SELECT ${withMark(`CAST(${cast(text, type)} AS VARCHAR)`)} AS text`,
    );
    const found = reader.getRowObjectsJson()[0]!['text'] as string | null;
    const outcome = judge(one, found === null ? null : { as: 'text', text: found }, []);
    if (outcome === 'equal') return { sql: cast(text, type), type };
  }
  return null;
}

/** Types of Parquet that may hold it, the plainest first. */
function typesOf({ type, value }: PlacedCase): readonly string[] {
  const isText = value?.startsWith('"') === true;
  switch (type) {
    case 'string':
      return isText || value === null || value === 'null' ? ['VARCHAR'] : [];
    case 'boolean':
      return isText ? [] : ['BOOLEAN'];
    case 'integer':
      return isText ? [] : ['BIGINT', 'UBIGINT', 'DECIMAL(38, 0)'];
    case 'big_integer':
      return isText ? [] : ['UBIGINT', 'DECIMAL(38, 0)'];
    case 'number':
      return isText ? [] : ['DOUBLE', 'DECIMAL(38, 2)', 'DECIMAL(38, 18)', 'DECIMAL(38, 38)'];
    case 'date':
      return ['DATE'];
    case 'timestamp':
      return ['TIMESTAMP', 'TIMESTAMP_NS'];
    case 'timestamptz':
      return ['TIMESTAMPTZ'];
    case 'time':
      return ['TIME'];
    // A time of Parquet has no zone, and what it nests is given as SQL.
    case 'timetz':
    case 'object':
    case 'array':
    case 'mixed':
      return [];
  }
}
