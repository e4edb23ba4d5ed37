import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { columnTypes, type ColumnType } from '../../connectors/kit/files-source/config.ts';
import { filesSource, type FilesConfig } from '../../connectors/files/index.ts';
import { mysqlSource } from '../../connectors/mysql/index.ts';
import { postgresSource } from '../../connectors/postgres/index.ts';
import type { Catalog, Item, JsonObject, Source } from '../../protocol/index.ts';
import { noUpdates } from '../../worker/runners/config-listener.ts';
import { protocolSource } from '../../worker/runners/child.ts';
import { giveData } from '../support/exact-source.ts';
import { testMysql } from '../support/mysql.ts';
import type { MysqlFlavour } from '../support/mysql-server.ts';
import { testDatabase } from '../support/postgres.ts';
import { builtFile } from '../support/processes.ts';
import { never } from '../connectors/harness.ts';
import { fakeConnector } from '../worker/fake-connector.ts';
import { csvFile } from './csv-file.ts';
import { fieldsOf, recordOf, schemaOf, type CaseStream, type PlacedCase } from './layout.ts';
import { mysqlTables } from './mysql-tables.ts';
import { parquetFile } from './parquet-file.ts';
import { postgresTables } from './postgres-tables.ts';
import { fillTables, type CaseTables } from './tables.ts';

/** A source that was given the cases of some streams. */
export interface CaseSource {
  readonly catalog: Catalog;
  /** A case of a stream as it says it; undefined: it has no spelling there. */
  given(stream: string, name: string): PlacedCase | undefined;
  read(catalog: Parameters<Source<never>['read']>[0]['catalog']): AsyncIterable<Item>;
  drop(): Promise<void>;
}

/** Makes a source that holds the streams. */
export type MakeSource = (streams: readonly CaseStream[]) => Promise<CaseSource>;

export const sources: Readonly<Record<string, MakeSource>> = {
  'JSONL files': (streams) =>
    files(streams, 'jsonl', ({ cases }) => {
      const held = cases.filter(isJson);
      return { bytes: Buffer.from(held.map((one) => `${recordOf(one)}\n`).join('')), held };
    }),
  'CSV files': (streams) => files(streams, 'csv', csvFile),
  'Parquet files': (streams) => files(streams, 'parquet', parquetFile),
  // As Python prints: spaces, and nothing beyond ASCII.
  'Python protocol': (streams) => fake(streams),
  'exact protocol': (streams) => exact(streams),
  Postgres: async (streams) => {
    const database = await testDatabase();
    return tables(streams, { database, tables: postgresTables(database), source: postgresSource });
  },
  MySQL: (streams) => mysql(streams, 'mysql'),
  MariaDB: (streams) => mysql(streams, 'mariadb'),
};

async function mysql(streams: readonly CaseStream[], flavour: MysqlFlavour): Promise<CaseSource> {
  const database = await testMysql(flavour);
  return tables(streams, { database, tables: mysqlTables(database), source: mysqlSource });
}

async function tables(
  streams: readonly CaseStream[],
  given: {
    readonly database: { readonly url: string; drop(): Promise<void> };
    readonly tables: CaseTables;
    readonly source: Source<{ readonly url: string }>;
  },
): Promise<CaseSource> {
  const { database, source } = given;
  const config = { url: database.url };
  const held = await fillTables(given.tables, streams);
  return {
    ...reading(source, config),
    catalog: await source.discover(config, never),
    ...{ given: givenOf(held), drop: () => database.drop() },
  };
}

/** Protocol sources print what they like; JSON files hold JSON. */
const isJson = ({ value }: PlacedCase): boolean =>
  !/NaN|Infinity/.test((value ?? '').replace(/"[^"]*"/g, ''));

/** The content of a file with a stream's cases, and those that it holds, as it says them. */
export interface CaseFile {
  readonly bytes: Uint8Array;
  readonly held: readonly PlacedCase[];
}

async function files(
  streams: readonly CaseStream[],
  ending: string,
  write: (stream: CaseStream) => CaseFile | Promise<CaseFile>,
): Promise<CaseSource> {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-values-')));
  const held: CaseStream[] = [];
  for (const stream of streams) {
    const file = await write(stream);
    writeFileSync(join(path, `${stream.name}.${ending}`), file.bytes);
    held.push({ name: stream.name, cases: file.held });
  }
  const config: FilesConfig = {
    path,
    streams: streams.map((stream) => ({
      name: stream.name,
      glob: `${stream.name}.${ending}`,
      // A Parquet file has types of its own.
      ...(ending !== 'parquet' && { types: typesOf(stream) }),
    })),
  };
  return {
    ...reading(filesSource, config),
    catalog: await filesSource.discover(config, never),
    given: givenOf(held),
    drop: () => rm(path, { recursive: true, force: true }),
  };
}

/** What a person can say of columns; the others are inferred. */
const typesOf = (stream: CaseStream): Readonly<Record<string, ColumnType>> =>
  Object.fromEntries(
    [...fieldsOf(stream)].filter(([, type]) => (columnTypes as readonly string[]).includes(type)),
  ) as Record<string, ColumnType>;

const reading = <C>(source: Source<C>, config: C): Pick<CaseSource, 'read'> => ({
  read: (catalog) =>
    source.read({
      ...{ config, catalog, state: [], accepts: () => ['jsonl'], drain: never, abort: never },
      checkpoints: { async *[Symbol.asyncIterator]() {} },
    }),
});

function givenOf(streams: readonly CaseStream[]): CaseSource['given'] {
  const byName = new Map(
    streams.map(({ name, cases }) => [name, new Map(cases.map((one) => [one.name, one]))]),
  );
  return (stream, name) => byName.get(stream)?.get(name);
}

const declared = (streams: readonly CaseStream[]): Catalog => ({
  streams: streams.map((stream) => ({
    name: stream.name,
    json_schema: schemaOf(stream),
    supported_sync_modes: ['full_refresh', 'incremental'],
    source_defined_cursor: true,
  })),
});

function fake(streams: readonly CaseStream[]): Promise<CaseSource> {
  const connector = fakeConnector(`
    for (const line of readFileSync('records', 'utf8').split('\\n').slice(0, -1)) print(line);
  `);
  const python = (text: string): string =>
    text.replace(
      /[\u0080-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  const lines = streams.flatMap(({ name, cases }) => {
    const descriptor = `"stream_descriptor": {"name": "${name}"}`;
    const records = cases.map(
      (one) =>
        `{"type": "RECORD", "record": {"stream": "${name}", "data": ${python(recordOf(one))}, "emitted_at": 1700000000123}}`,
    );
    return [
      ...records,
      `{"type": "STATE", "state": {"type": "STREAM", "stream": {${descriptor}, "stream_state": {"id": 1}}}}`,
      `{"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": {${descriptor}, "status": "COMPLETE"}}}`,
    ];
  });
  writeFileSync(connector.file('records'), `${lines.join('\n')}\n`);
  return Promise.resolve({
    ...reading(connector.source, {}),
    ...{
      catalog: declared(streams),
      given: givenOf(streams),
      drop: () => Promise.resolve(connector.remove()),
    },
  });
}

function exact(streams: readonly CaseStream[]): Promise<CaseSource> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-values-')));
  for (const stream of streams)
    giveData(directory, stream.name, {
      ...{ schema: schemaOf(stream), records: stream.cases.map(recordOf) },
    });
  const source = protocolSource({
    command: [process.execPath, builtFile('test/support/exact-source-main.js')],
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '' },
    end: 'source',
    label: 'exact',
    stateDir: join(directory, 'private'),
    spec: { connectionSpecification: {} },
    log: () => undefined,
    redact: (text) => text,
    updates: noUpdates,
  });
  const config: JsonObject = { directory, streams: streams.map(({ name }) => name), records: 0 };
  return source.discover(config, never).then((catalog) => ({
    ...reading(source, config),
    ...{ catalog, given: givenOf(streams) },
    drop: () => rm(directory, { recursive: true, force: true }),
  }));
}
