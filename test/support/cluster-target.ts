import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { checkpointTable } from '../../connectors/kit/ledger.ts';
import type { ConnectorRef, JsonObject } from '../../protocol/index.ts';
import { testMysql } from './mysql.ts';
import { testDatabase, type DatabaseOptions, type TestDatabase } from './postgres.ts';
import { openBucket } from './s3-bucket.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import { isWarehouse, type TestWarehouse, type WarehouseKind } from './warehouse.ts';
import { openWarehouse } from './warehouse-target.ts';

/** `files`: of JSONL; `parquet`: of Parquet; `s3`: objects of JSONL. */
export type TargetKind =
  'postgres' | 'mysql' | 'duckdb' | 'files' | 'parquet' | 's3' | WarehouseKind;

/** What a stream's table holds of the ids 1 to n. */
export interface Held {
  readonly rows: number;
  readonly missing: number;
  readonly twice: number;
}

export type Row = Readonly<Record<string, unknown>>;

/** A destination, and a look inside that does not go through Tidemark. */
export interface Target {
  readonly kind: TargetKind;
  readonly ref: ConnectorRef;
  /** What a worker needs to reach it. */
  readonly env: Readonly<Record<string, string>>;
  /** Of a warehouse: the names of these that hold secrets. */
  readonly secrets: readonly string[];
  /** Between workers and the server, where asked for. */
  readonly proxy: TcpProxy | null;
  /** Of Postgres only. */
  readonly database: TestDatabase | null;
  readonly warehouse: TestWarehouse<unknown> | null;
  /** Its own SQL; null: a table is not there yet. */
  ask(sql: string): Promise<readonly Row[] | null>;
  held(stream: string, records: number): Promise<Held>;
  /** Rows of the stream's table by their generation; null: there is no table. */
  generations(stream: string): Promise<Readonly<Record<string, number>> | null>;
  /** Rows of the stream's table that have a value in the column. */
  filled(stream: string, column: string): Promise<number>;
  /** The cursor of the stream's committed state; null: there is none. */
  cursor(stream: string): Promise<number | null>;
  close(): Promise<void>;
}

export const urlVariable = 'E2E_DESTINATION_URL';
export const s3Variables = ['E2E_S3_KEY', 'E2E_S3_SECRET'] as const;
const lockedMsMax = 20_000;
const lockedPollMs = 30;

export interface TargetOptions extends DatabaseOptions {
  readonly kind: TargetKind;
  /** Holds what is a file. */
  readonly directory: string;
  /** A TCP proxy between the workers and the server. */
  readonly proxied?: boolean;
}

export async function openTarget(options: TargetOptions): Promise<Target> {
  const { kind, directory } = options;
  if (kind === 'files' || kind === 'parquet') return filesTarget(kind, directory);
  if (kind === 's3') return s3Target(options);
  if (kind === 'mysql') return mysqlTarget(options);
  if (isWarehouse(kind)) return warehouseTarget(kind);
  return kind === 'postgres' ? postgresTarget(options) : duckdbTarget(directory);
}

/** What most have not. */
const plain = { secrets: [], proxy: null, database: null, warehouse: null } as const;

async function warehouseTarget(kind: WarehouseKind): Promise<Target> {
  const { warehouse, ref, env } = await openWarehouse(kind);
  const all = asking((sql) => warehouse.query(sql), /does not exist|Not found/i, {
    tableSql: (stream) => warehouse.table(stream),
    async checkpoints() {
      const own = await warehouse.ownTables();
      return warehouse.table(own.find((name) => name.startsWith(checkpointTable))!);
    },
  });
  return {
    ...{ ...plain, kind, ref, env, warehouse, secrets: Object.keys(env) },
    ...all,
    close: () => warehouse.drop(),
  };
}

async function mysqlTarget({ server, proxied = false }: TargetOptions): Promise<Target> {
  const database = await testMysql('mysql', server);
  const { url, proxy } = await reached(database.url, proxied);
  return {
    ...{ ...plain, kind: 'mysql', proxy },
    ref: { connector: 'mysql', config: { url: `\${env:${urlVariable}}` } },
    env: { [urlVariable]: url.href },
    ...asking((sql) => database.query(sql), /doesn't exist/),
    async close() {
      await proxy?.close();
      await database.drop();
    },
  };
}

/** Where a URL names none. */
const ports: Readonly<Record<string, number>> = { 'postgres:': 5432, 'mysql:': 3306, 'http:': 80 };

/** The server of the URL, by a proxy where asked for. */
async function reached(
  server: string,
  proxied: boolean,
): Promise<{ readonly url: URL; readonly proxy: TcpProxy | null }> {
  const url = new URL(server);
  if (!proxied) return { url, proxy: null };
  const port = Number(url.port || ports[url.protocol]);
  const proxy = await startTcpProxy({ host: url.hostname, port });
  url.host = `${proxy.host}:${proxy.port}`;
  return { url, proxy };
}

async function postgresTarget({ proxied = false, ...where }: TargetOptions): Promise<Target> {
  const database = await testDatabase(where);
  const { url, proxy } = await reached(database.url, proxied);
  return {
    ...{ ...plain, kind: 'postgres', proxy, database },
    ref: { connector: 'postgres', config: { url: `\${env:${urlVariable}}` } },
    env: { [urlVariable]: url.href },
    ...asking((sql) => database.query(sql), /relation .* does not exist/),
    async close() {
      await proxy?.close();
      await database.drop();
    },
  };
}

function duckdbTarget(directory: string): Target {
  const path = join(directory, 'target.duckdb');
  return {
    ...{ ...plain, kind: 'duckdb', env: {} },
    ref: { connector: 'duckdb', config: { path } },
    ...asking((sql) => askFile(path, sql), /does not exist/),
    close: () => Promise.resolve(),
  };
}

function filesTarget(kind: 'files' | 'parquet', directory: string): Target {
  const path = join(directory, 'target');
  const format = kind === 'parquet' ? 'parquet' : 'jsonl';
  return {
    ...{ ...plain, kind, env: {} },
    ref: { connector: 'files', config: { path, format } },
    ...asking((sql) => askManifest(path, sql), /does not exist/),
    close: () => Promise.resolve(),
  };
}

/** Looked at in a copy of what the manifest names. */
async function s3Target({ directory, server, proxied = false }: TargetOptions): Promise<Target> {
  const copy = join(directory, 'copy');
  const bucket = await openBucket(server === undefined ? {} : { endpoint: server });
  const { access_key_id: id, secret_access_key: secret, ...config } = bucket.config;
  const { url, proxy } = await reached(config.endpoint!, proxied);
  const reference = (name: string): string => `\${env:${name}}`;
  const [idVariable, secretVariable] = s3Variables;
  const keys = {
    access_key_id: reference(idVariable),
    secret_access_key: reference(secretVariable),
  };
  return {
    ...{ ...plain, kind: 's3', proxy },
    ref: { connector: 's3', config: { ...config, ...keys, endpoint: url.origin } },
    env: { [idVariable]: id!, [secretVariable]: secret! },
    ...asking(async (sql) => {
      await bucket.copyTo(copy);
      return askManifest(copy, sql);
    }, /does not exist/),
    async close() {
      await proxy?.close();
      bucket.close();
    },
  };
}

/** How a system's SQL names a stream's table, and that of the checkpoints. */
interface Naming {
  tableSql(this: void, stream: string): string;
  checkpoints(this: void): Promise<string>;
}

const standard: Naming = {
  tableSql: (stream) => `"${stream}"`,
  checkpoints: () => Promise.resolve(checkpointTable),
};

function asking(
  ask: (sql: string) => Promise<readonly Row[]>,
  absent: RegExp,
  { tableSql, checkpoints }: Naming = standard,
): Pick<Target, 'ask' | 'held' | 'generations' | 'filled' | 'cursor'> {
  const all = async (sql: string): Promise<readonly Row[] | null> => {
    try {
      return await ask(sql);
    } catch (error) {
      // Not `instanceof Error`: a native module's errors are of another realm than a test's.
      if (absent.test((error as Error).message)) return null;
      throw error;
    }
  };
  const first = async (sql: string): Promise<Row | undefined> => (await all(sql))?.[0];
  return {
    ask: all,
    async held(stream, records) {
      const row = await first(
        `SELECT count(*) AS found, count(DISTINCT id) AS ids,
                count(DISTINCT CASE WHEN id BETWEEN 1 AND ${records} THEN id END) AS wanted
         FROM ${tableSql(stream)}`,
      );
      if (row === undefined) return { rows: 0, missing: records, twice: 0 };
      const [rows, ids, wanted] = [Number(row['found']), Number(row['ids']), Number(row['wanted'])];
      return { rows, missing: records - wanted, twice: rows - ids };
    },
    async generations(stream) {
      const rows = await all(
        `SELECT _airbyte_generation_id AS generation, count(*) AS found
         FROM ${tableSql(stream)} GROUP BY 1`,
      );
      if (rows === null) return null;
      return Object.fromEntries(
        rows.map((row) => [String(row['generation']), Number(row['found'])]),
      );
    },
    async filled(stream, column) {
      const row = await first(`SELECT count("${column}") AS found FROM ${tableSql(stream)}`);
      return Number(row?.['found'] ?? 0);
    },
    async cursor(stream) {
      const table = await checkpoints();
      const row = await first(`SELECT state FROM ${table} WHERE scope = '${stream}'`);
      const state = JSON.parse((row?.['state'] ?? 'null') as string) as JsonObject | null;
      const own = state?.['stream'] as { stream_state?: { id: number } } | undefined;
      return own?.stream_state?.id ?? null;
    },
  };
}

/** Waits while a worker has the file open. */
async function askFile(path: string, sql: string): Promise<readonly Row[]> {
  for (const deadline = Date.now() + lockedMsMax; ; await sleep(lockedPollMs)) {
    if (!existsSync(path)) return [];
    try {
      const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
      try {
        const connection = await instance.connect();
        const answer = await connection.runAndReadAll(sql);
        connection.closeSync();
        return answer.getRowObjectsJson();
      } finally {
        instance.closeSync();
      }
    } catch (error) {
      const locked = /lock/i.test((error as Error).message);
      if (!locked || Date.now() > deadline) throw error;
    }
  }
}

interface Manifest {
  readonly checkpoints: readonly { readonly scope: string; readonly state: string }[];
  readonly streams: Readonly<Record<string, { current: { files: { path: string }[] } | null }>>;
}

/** DuckDB over the files that the manifest names, which a worker may replace meanwhile. */
async function askManifest(path: string, sql: string): Promise<readonly Row[]> {
  const own = join(path, '_tidemark');
  for (const deadline = Date.now() + lockedMsMax; ; await sleep(lockedPollMs)) {
    const name = existsSync(own) ? readdirSync(own).find((one) => one.endsWith('.json')) : null;
    if (name == null) return [];
    const manifest = JSON.parse(readFileSync(join(own, name), 'utf8')) as Manifest;
    const instance = await DuckDBInstance.create(':memory:');
    try {
      const connection = await instance.connect();
      for (const statement of viewsOf(path, manifest)) await connection.run(statement);
      const answer = await connection.runAndReadAll(sql);
      connection.closeSync();
      return answer.getRowObjectsJson();
    } catch (error) {
      const isReplaced = /No files found|Cannot open file/.test((error as Error).message);
      if (!isReplaced || Date.now() > deadline) throw error;
    } finally {
      instance.closeSync();
    }
  }
}

function viewsOf(path: string, { checkpoints, streams }: Manifest): readonly string[] {
  const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  const rows = checkpoints.map(({ scope, state }) => `(${literal(scope)}, ${literal(state)})`);
  const views = Object.entries(streams).flatMap(([stream, { current }]) => {
    const files = (current?.files ?? []).map((file) => literal(join(path, file.path)));
    const columns = `columns = {id: 'BIGINT', _airbyte_generation_id: 'BIGINT'}`;
    const isParquet = files[0]?.endsWith(".parquet'") === true;
    const read = isParquet
      ? `read_parquet([${files.join(', ')}], union_by_name = true)`
      : `read_json([${files.join(', ')}], ${columns})`;
    return files.length === 0 ? [] : [`CREATE VIEW "${stream}" AS FROM ${read}`];
  });
  return [
    `CREATE VIEW _tidemark_checkpoints AS FROM (VALUES ${rows.join(', ')}) AS v(scope, state)`,
    ...views,
  ];
}
