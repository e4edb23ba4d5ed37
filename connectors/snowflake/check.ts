import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { RowFile, WarehouseSession } from '../kit/warehouse/warehouse.ts';
import { placeOf, schemaOf, stageOf, type SnowflakeConfig } from './config.ts';
import { asSnowflakeError } from './errors.ts';
import { pathOf, spelledThere } from './names.ts';
import { connect } from './session.ts';
import { createStage, line, makeStage } from './stage.ts';
import { makeSchema, replace } from './warehouse.ts';

/** Does what a sync does, with a table and a file of its own, and tells the first right that is missing. */
export async function check(config: SnowflakeConfig, signal: AbortSignal): Promise<void> {
  const place = placeOf(config);
  const doing = async <T>(work: () => Promise<T>, grant?: string): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const { warehouse } = config;
      throw asSnowflakeError(error, signal, {
        ...{ place, warehouse },
        ...(grant !== undefined && { grant }),
      });
    }
  };
  const session = await doing(() => connect(config, signal));
  const stop = (): void => session.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await prove(session, config, doing);
  } finally {
    signal.removeEventListener('abort', stop);
    await session.close();
  }
}

type Doing = <T>(work: () => Promise<T>, grant?: string) => Promise<T>;

async function prove(
  session: WarehouseSession,
  config: SnowflakeConfig,
  doing: Doing,
): Promise<void> {
  const { database } = config;
  const place = { database, schema: schemaOf(config), stage: stageOf(config) };
  const role = spelledThere(config.role ?? '<role>');
  const grant = (right: string, kind: string, ...names: readonly string[]): string =>
    `GRANT ${right} ON ${kind} ${names.map(spelledThere).join('.')} TO ROLE ${role}`;
  const [inSchema, ofStage] = [
    [database, place.schema],
    [database, place.schema, place.stage],
  ];
  const id = randomUUID().replaceAll('-', '');
  const [name, hidden] = [`_tidemark_check_${id}`, `_tidemark_checked_${id}`];
  const [table, other] = [name, hidden].map((one) => pathOf(...inSchema, one)) as [string, string];

  await doing(
    () => makeSchema(session, place),
    `${grant('USAGE', 'DATABASE', database)}; ${grant('CREATE SCHEMA', 'DATABASE', database)}`,
  );
  await doing(() => makeStage(session, place), grant('CREATE STAGE', 'SCHEMA', ...inSchema));
  try {
    await doing(
      async () => {
        await session.query(`CREATE TABLE ${table} ("A" VARCHAR, "B" VARCHAR)`);
        await session.query(`ALTER TABLE ${table} ADD COLUMN "C" NUMBER(38,0)`);
      },
      grant('USAGE, CREATE TABLE', 'SCHEMA', ...inSchema),
    );
    await doing(
      () => proveLoad(session, place, name),
      `${grant('READ, WRITE', 'STAGE', ...ofStage)}; ${grant('USAGE', 'WAREHOUSE', config.warehouse)}`,
    );
    await doing(() => proveTransaction(session, table));
    await doing(
      async () => {
        await session.query(`CREATE TABLE ${other} ("A" VARCHAR)`);
        await replace(session, place, hidden, name);
      },
      grant('CREATE TABLE', 'SCHEMA', ...inSchema),
    );
  } finally {
    await doing(async () => {
      await session.query(`DROP TABLE IF EXISTS ${table}`);
      await session.query(`DROP TABLE IF EXISTS ${other}`);
    });
  }
}

/** A file to the stage, from there into the table, and away again. */
async function proveLoad(
  session: WarehouseSession,
  place: { readonly database: string; readonly schema: string; readonly stage: string },
  table: string,
): Promise<void> {
  const stage = createStage(session, place);
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-check-'));
  const path = join(directory, table);
  const never = new AbortController().signal;
  const bytes = await promisify(gzip)(line(['x', null]));
  const file: RowFile = { name: table, path, bytes: bytes.length, rows: 1, columns: ['a', 'b'] };
  try {
    await writeFile(path, bytes);
    const to = pathOf(place.database, place.schema, table);
    await stage.put(file, to, never);
    await stage.load(to, [file], never);
    await stage.remove(table);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function proveTransaction(session: WarehouseSession, table: string): Promise<void> {
  await session.query('BEGIN TRANSACTION');
  await session.query(`INSERT INTO ${table} ("A", "B") SELECT "A", "B" FROM ${table}`);
  await session.query(`UPDATE ${table} SET "C" = 1 WHERE "A" = ?`, ['x']);
  await session.query(`DELETE FROM ${table} WHERE "C" = 1`);
  await session.query('COMMIT');
  // How the next writer finds what this one has open.
  await session.query('SHOW TRANSACTIONS');
}
