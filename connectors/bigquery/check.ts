import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Stage, Warehouse, WarehouseSession } from '../kit/warehouse/warehouse.ts';
import { proveLocation } from './bucket-location.ts';
import { createClient } from './client.ts';
import type { BigQueryConfig } from './config.ts';
import { createWarehouse } from './warehouse.ts';

/** Does with tables of its own all that a sync does, right by right: each that is missing is told with its GRANT. */
export async function check(config: BigQueryConfig, signal: AbortSignal): Promise<void> {
  const warehouse = createWarehouse(config);
  let session: WarehouseSession | null = null;
  const stop = (): void => session?.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    session = await warehouse.connect(signal);
    await warehouse.makeSchema(session, warehouse.schema);
    await proveLocation(createClient(config), config, signal);
    await prove(warehouse, session, await warehouse.openStage(signal), signal);
  } catch (error) {
    throw warehouse.asError(error, signal);
  } finally {
    signal.removeEventListener('abort', stop);
    await session?.close();
  }
}

async function prove(
  warehouse: Warehouse,
  session: WarehouseSession,
  stage: Stage,
  signal: AbortSignal,
): Promise<void> {
  const { dialect, schema } = warehouse;
  const id = randomUUID().replaceAll('-', '');
  const [staged, target] = [`_tidemark_check_${id}`, `_tidemark_checked_${id}`];
  const [from, to] = [staged, target].map((name) => dialect.table(schema, name)) as [
    string,
    string,
  ];
  try {
    await session.query(`CREATE TABLE ${from} (a STRING)`);
    await session.query(`CREATE TABLE ${to} (a STRING)`);
    await session.query(`ALTER TABLE ${to} ADD COLUMN b INT64`);
    await warehouse.tableNames(session, schema, staged);
    await load(stage, staged, from, signal);
    await session.query('BEGIN TRANSACTION');
    await session.query(`INSERT INTO ${to} (a) SELECT a FROM ${from}`);
    await session.query(`UPDATE ${to} SET b = 1 WHERE a = ?`, ['1']);
    await session.query(`DELETE FROM ${to} WHERE b = 1`);
    await session.query('COMMIT');
    await warehouse.replace(session, schema, staged, target);
  } finally {
    // What stopped it is to be told: a right that is missing may be the one to drop them.
    for (const table of [from, to])
      await session.query(`DROP TABLE IF EXISTS ${table}`).catch(() => undefined);
  }
}

async function load(stage: Stage, name: string, table: string, signal: AbortSignal): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-check-'));
  try {
    const path = join(directory, 'rows');
    const bytes = gzipSync('{"a":"1"}\n');
    await writeFile(path, bytes);
    const file = { name, path, bytes: bytes.length, rows: 1, columns: ['a'] };
    await stage.put(file, table, signal);
    await stage.load(table, [file], signal);
    await stage.remove(name);
  } catch (error) {
    await stage.remove(name).catch(() => undefined);
    throw error;
  } finally {
    await rm(directory, { recursive: true });
  }
}
