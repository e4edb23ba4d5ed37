import { membersOf } from '../../connectors/kit/json-scan.ts';
import { fromLoader } from '../../engine/writer.ts';
import type { WriteInput, Writer } from '../../protocol/index.ts';
import { createDuckdb } from '../connectors/duckdb-harness.ts';
import { createFiles, textOf, type FilesHarness } from '../connectors/files/written.ts';
import type { Harness, TextRow } from '../connectors/harness.ts';
import { createMysql } from '../connectors/mysql-harness.ts';
import { createPostgres } from '../connectors/postgres-harness.ts';
import { charactersOf, type Arrived, type ArrivedRow } from './judge.ts';

/** A destination, and an independent reading of what arrived in it. */
export interface CaseDestination {
  /** Where its tables are. */
  readonly schema: string;
  open(input: Omit<WriteInput<unknown>, 'config'>): Promise<Writer>;
  /** The rows of a stream's table. */
  rows(table: string): Promise<readonly ArrivedRow[]>;
  drop(): Promise<void>;
}

/** A new destination is one entry here. */
export const destinations: Readonly<Record<string, () => Promise<CaseDestination>>> = {
  Postgres: async () => ofTables(await createPostgres()),
  DuckDB: async () => ofTables(await createDuckdb()),
  MySQL: async () => ofTables(await createMysql('mysql')),
  MariaDB: async () => ofTables(await createMysql('mariadb')),
  'JSONL files': async () => ofFiles(await createFiles(), jsonlRows),
  'CSV files': async () => ofFiles(await createFiles({ format: 'csv' }), csvRows),
  'Parquet files': async () => ofTables(await createFiles({ format: 'parquet' })),
};

const endOf = <C>(harness: Harness<C>): Pick<CaseDestination, 'schema' | 'open' | 'drop'> => ({
  schema: harness.schema,
  open: (input) => fromLoader(harness.destination).open({ ...input, config: harness.config }),
  drop: () => harness.drop(),
});

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export function ofTables<C>(harness: Harness<C>): CaseDestination {
  return {
    ...endOf(harness),
    async rows(table) {
      const sql = `SELECT * FROM ${quoted(harness.schema)}.${quoted(table)}`;
      return (await harness.query(sql)).map(textsOf);
    },
  };
}

const textsOf = (row: TextRow): ArrivedRow =>
  new Map(
    Object.entries(row).map(([column, text]): [string, Arrived] => [
      column,
      text === null ? null : { as: 'text', text },
    ]),
  );

const ofFiles = (
  harness: FilesHarness,
  read: (text: string) => readonly ArrivedRow[],
): CaseDestination => ({
  ...endOf(harness),
  rows: (table) => {
    const paths = harness.listing().filter((path) => path.split('/').includes(table));
    return Promise.resolve(paths.flatMap((path) => read(textOf(`${harness.root}/${path}`))));
  },
});

/** By the file's own header. An empty cell without quotes is null. */
function csvRows(text: string): readonly ArrivedRow[] {
  const [header = [], ...rows] = csvCells(text);
  const names = header.map(charactersOf);
  return rows.map((row) => {
    if (row.length !== names.length) throw new Error('A row has not as many cells as the header.');
    return new Map(row.map((cell, i) => [names[i] ?? '', cell]));
  });
}

function csvCells(text: string): readonly (readonly Arrived[])[] {
  const cell = /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/gy;
  const rows: Arrived[][] = [[]];
  for (const [, quotedText, plain = '', after] of text.matchAll(cell)) {
    const characters = quotedText?.replaceAll('""', '"') ?? plain;
    const isNull = quotedText === undefined && plain === '';
    rows.at(-1)!.push(isNull ? null : { as: 'text', text: characters });
    if (after === '\n') rows.push([]);
  }
  return rows.slice(0, -1);
}

/** Each line's members as the texts that stand there. */
function jsonlRows(text: string): readonly ArrivedRow[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      JSON.parse(line);
      const members = membersOf(line, 0).map(({ key, start, end }): [string, Arrived] => {
        const value = line.slice(start, end);
        return [JSON.parse(key) as string, value === 'null' ? null : { as: 'json', text: value }];
      });
      const row = new Map(members);
      if (row.size < members.length) throw new Error(`A key is there twice: ${line.slice(0, 200)}`);
      return row;
    });
}
