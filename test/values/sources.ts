import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mysqlSource } from '../../connectors/mysql/index.ts';
import { postgresSource } from '../../connectors/postgres/index.ts';
import type { Catalog, JsonObject, Source } from '../../protocol/index.ts';
import { noUpdates } from '../../worker/runners/config-listener.ts';
import { protocolSource } from '../../worker/runners/child.ts';
import { giveData } from '../support/exact-source.ts';
import { testMysql } from '../support/mysql.ts';
import type { MysqlFlavour } from '../support/mysql-server.ts';
import { testDatabase } from '../support/postgres.ts';
import { builtFile } from '../support/processes.ts';
import { never } from '../connectors/harness.ts';
import { fakeConnector } from '../worker/fake-connector.ts';
import { files } from './case-files.ts';
import { givenOf, reading, type CaseSource } from './case-source.ts';
import { recordOf, schemaOf, type CaseStream } from './layout.ts';
import { mysqlTables } from './mysql-tables.ts';
import { postgresTables } from './postgres-tables.ts';
import { fillTables, type CaseTables } from './tables.ts';

/** Makes a source that holds the streams. */
export type MakeSource = (streams: readonly CaseStream[]) => Promise<CaseSource>;

export const sources: Readonly<Record<string, MakeSource>> = {
  'JSONL files': (streams) => files(streams, 'JSONL files'),
  'CSV files': (streams) => files(streams, 'CSV files'),
  'Parquet files': (streams) => files(streams, 'Parquet files'),
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
