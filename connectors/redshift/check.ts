import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { SyncError } from '../../protocol/index.ts';
import type { Stage } from '../kit/warehouse/warehouse.ts';
import { makeSchema, replaceTable } from './catalog.ts';
import { schemaOf, type RedshiftConfig } from './config.ts';
import { asRedshiftError } from './errors.ts';
import { csvLine } from './line.ts';
import { connect, placeOf, type RedshiftSession } from './session.ts';
import { tableSql } from './sql.ts';
import { openStage } from './stage.ts';
import { typeOf } from './types.ts';

/** Logs in, and does with a table and a file of its own all that a sync does, so that what fails is what is missing. */
export async function check(config: RedshiftConfig, signal: AbortSignal): Promise<void> {
  const session = await connect(config, signal);
  const stop = (): void => session.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const stage = await openStage(config, signal);
    try {
      await prove(config, session, stage, signal);
    } finally {
      await stage.close();
    }
  } catch (error) {
    throw asRedshiftError(error, signal, placeOf(config));
  } finally {
    signal.removeEventListener('abort', stop);
    await session.close();
  }
}

async function prove(
  config: RedshiftConfig,
  session: RedshiftSession,
  stage: Stage,
  signal: AbortSignal,
): Promise<void> {
  const schema = schemaOf(config);
  const id = randomUUID().replaceAll('-', '');
  const name = `_tidemark_check_${id}`;
  const renamed = `_tidemark_checked_${id}`;
  const table = tableSql(schema, name);
  const needs = (grant: string, work: () => Promise<unknown>): Promise<void> =>
    asNeeding(grant, `${placeOf(config)}, schema ${schema}`, work);
  await needs(`GRANT CREATE ON DATABASE … TO user, or make the schema "${schema}"`, () =>
    makeSchema(session, schema),
  );
  try {
    await needs(`GRANT USAGE, CREATE ON SCHEMA "${schema}" TO user`, async () => {
      const columns = ['id', 'text'].map((column) => `${column} ${typeOf('string')}`);
      await session.query(`CREATE TABLE ${table} (${columns.join(', ')})`);
      await session.query(`ALTER TABLE ${table} ADD COLUMN doc super`);
    });
    // Redshift reads the bucket with a right of its own.
    await loadOne(stage, name, table, signal);
    await session.query('BEGIN TRANSACTION');
    await session.query(`LOCK TABLE ${table}`);
    await session.query(`UPDATE ${table} SET doc = json_parse('{"a":1}') WHERE id = '1'`);
    await session.query(`DELETE FROM ${table} WHERE text <> ''`);
    await session.query('COMMIT');
    // How the next writer finds the sessions of this one.
    await session.query('SELECT session_id FROM sys_session_history WHERE session_id = 0');
    const { rows } = await session.query(
      `SELECT count(*) AS n FROM ${table} WHERE text = '' AND doc IS NOT NULL`,
    );
    if (Number(rows[0]!['n']) !== 1) throw notLoaded(placeOf(config));
    await replaceTable(session, schema, name, renamed);
  } finally {
    await dropAll(session, schema, [name, renamed]);
    await stage.remove(name);
  }
}

/** One row, of which each part matters: an empty text, and no value. */
async function loadOne(
  stage: Stage,
  name: string,
  table: string,
  signal: AbortSignal,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-redshift-'));
  try {
    const columns = ['id', 'text', 'doc'];
    const bytes = gzipSync(csvLine(columns, ['1', '', null]));
    const path = join(directory, 'rows.csv.gz');
    await writeFile(path, bytes);
    const file = { name: `${name}.csv.gz`, path, bytes: bytes.length, rows: 1, columns };
    await stage.put(file, table, signal);
    await stage.load(table, [file], signal);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function dropAll(
  session: RedshiftSession,
  schema: string,
  names: readonly string[],
): Promise<void> {
  // Whatever failed is what is to be told.
  await session.query('ROLLBACK').catch(() => undefined);
  for (const name of names)
    await session.query(`DROP TABLE IF EXISTS ${tableSql(schema, name)}`).catch(() => undefined);
}

/** A right that is missing, with the statement that gives it. */
async function asNeeding(
  grant: string,
  place: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if ((error as { code?: unknown }).code !== '42501') throw error;
    throw new SyncError('config_error', 'The Redshift user lacks a permission.', {
      ...{ origin: 'destination', place, cause: error },
      remedy: `${grant}.`,
      facts: { code: '42501' },
    });
  }
}

const notLoaded = (place: string): SyncError =>
  new SyncError('system_error', 'Redshift did not load a file as it was written.', {
    ...{ origin: 'destination', place },
    remedy: 'Report it, with the version of the cluster (SELECT version()).',
  });
