import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { snowflakeDestination, type SnowflakeConfig } from '../../../connectors/snowflake/index.ts';
import { isConflict } from '../../../connectors/snowflake/errors.ts';
import { pathOf } from '../../../connectors/snowflake/names.ts';
import { connect } from '../../../connectors/snowflake/session.ts';
import { createStage, line, makeStage } from '../../../connectors/snowflake/stage.ts';
import { columnsOf, replace, tableNames } from '../../../connectors/snowflake/warehouse.ts';
import { endEarlierTransactions } from '../../../connectors/snowflake/transactions.ts';
import { connectionHash } from '../../../connectors/kit/warehouse/ledger.ts';
import type { RowFile, WarehouseSession } from '../../../connectors/kit/warehouse/warehouse.ts';
import { connection, epoch, failure, never, Sessions, stream } from '../harness.ts';
import { snowflakeSecrets } from '../../support/snowflake-server.ts';
import { testSnowflake, type TestSnowflake } from '../../support/snowflake.ts';

interface Detection {
  getDetectedPlatforms(this: void): Promise<readonly string[]>;
}

let snowflake: TestSnowflake;
let sessions: WarehouseSession[] = [];
let directory: string;
beforeAll(async () => {
  snowflake = await testSnowflake();
  directory = await mkdtemp(join(tmpdir(), 'tidemark-test-snowflake-'));
});
afterEach(async () => {
  for (const session of sessions) await session.close();
  sessions = [];
});
afterAll(async () => {
  await snowflake.drop();
  await rm(directory, { recursive: true });
});

const open = async (abort = never): Promise<WarehouseSession> => {
  const session = await connect(snowflake.config, abort);
  sessions.push(session);
  return session;
};
const place = () => ({ database: 'TIDEMARK', schema: snowflake.schema });
const at = (table: string): string => pathOf('TIDEMARK', snowflake.schema, table);

describe('logging in', () => {
  const without = (...names: (keyof SnowflakeConfig)[]): SnowflakeConfig =>
    Object.fromEntries(
      Object.entries(snowflake.config).filter(([name]) => !names.includes(name as never)),
    ) as never;

  test('with a key, in one line and encrypted too; another key is refused', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    await snowflake.query(`ALTER USER TIDEMARK SET RSA_PUBLIC_KEY = '${pem}'`);
    const locked = { cipher: 'aes-256-cbc', passphrase: 'open' } as const;
    const written = pair.privateKey.export({ type: 'pkcs8', format: 'pem', ...locked }).toString();
    const keyed = {
      ...{ ...without('password'), account: 'test' },
      ...{ private_key: written.replaceAll('\n', '\\n'), private_key_passphrase: 'open' },
    };
    sessions.push(await connect(keyed, never));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const other = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const stranger = { ...without('password'), account: 'test', private_key: other };
    const error = await failure(snowflakeDestination.check(stranger, never));
    expect([error.kind, error.facts]).toEqual(['config_error', { code: 390144 }]);
  });

  test('with an OAuth token; one that is not good is refused', async () => {
    const token = { ...without('password', 'username'), oauth_token: snowflakeSecrets.token };
    sessions.push(await connect(token, never));
    const error = await failure(
      snowflakeDestination.check({ ...token, oauth_token: 'secret-text' }, never),
    );
    expect([error.kind, error.message]).toEqual([
      'config_error',
      'Snowflake refused the OAuth token.',
    ]);
    expect(JSON.stringify(error.toFailure())).not.toContain('secret-text');
  });

  test('writes no log, and asks no cloud where it runs', async () => {
    await open();
    expect(existsSync('snowflake.log')).toBe(false);
    const detection = 'snowflake-sdk/dist/lib/telemetry/platform_detection.js';
    const { getDetectedPlatforms } = (await import(detection)) as Detection;
    expect(await getDetectedPlatforms()).toEqual(['disabled']);
  });
});

describe('check', () => {
  test('leaves nothing behind', async () => {
    await snowflakeDestination.check(snowflake.config, never);
    const session = await open();
    expect(await tableNames(session, place(), '_tidemark_check')).toEqual([]);
    const stage = createStage(await open(), { ...place(), stage: '_tidemark_stage' });
    expect(await stage.list('_tidemark_check')).toEqual([]);
  });

  test('of a warehouse that is suspended tells the statement that resumes it', async () => {
    const warehouse = `SUSPENDED_${snowflake.schema}`;
    const config = { ...snowflake.config, warehouse };
    const error = await failure(snowflakeDestination.check(config, never));
    expect([error.kind, error.remedy]).toEqual([
      'config_error',
      expect.stringContaining(`ALTER WAREHOUSE ${warehouse.toUpperCase()} RESUME;`),
    ]);
    const session = await connect(config, never);
    sessions.push(session);
    await session.query(error.remedy!.slice(0, error.remedy!.indexOf(';')));
    await snowflakeDestination.check(config, never);
  });

  test.each([
    ['CREATE_TABLE', 'GRANT USAGE, CREATE TABLE ON SCHEMA TIDEMARK.'],
    ['CREATE_STAGE', 'GRANT CREATE STAGE ON SCHEMA TIDEMARK.'],
    ['CREATE_SCHEMA', 'GRANT CREATE SCHEMA ON DATABASE TIDEMARK TO ROLE WITHOUT_CREATE_SCHEMA'],
  ])('without %s it names the GRANT', async (right, grant) => {
    const role = `WITHOUT_${right}`;
    const schema = `${snowflake.schema}_other`;
    const config = {
      ...{ ...snowflake.config, role, stage: `stage_without_${right}` },
      ...(right === 'CREATE_SCHEMA' && { schema }),
    };
    const error = await failure(snowflakeDestination.check(config, never));
    expect([error.kind, error.place]).toEqual([
      'config_error',
      expect.stringContaining('TIDEMARK'),
    ]);
    expect(error.remedy).toContain(grant);
  });
});

describe('a session', () => {
  test('gives counts and rows by name in lower case, no number as a double', async () => {
    const session = await open();
    await session.query(`CREATE TABLE ${at('counts')} (n NUMBER(38,0), t VARCHAR)`);
    const sql = `INSERT INTO ${at('counts')} (n, t) SELECT CAST(? AS NUMBER(38,0)), ? UNION ALL SELECT 2, NULL`;
    expect((await session.query(sql, ['12345678901234567890123456789012345678', 'x'])).count).toBe(
      2,
    );
    const { rows } = await session.query(`SELECT n, t FROM ${at('counts')} ORDER BY n DESC`);
    expect(rows).toEqual([
      { n: '12345678901234567890123456789012345678', t: 'x' },
      { n: '2', t: null },
    ]);
    expect((await session.query(`UPDATE ${at('counts')} SET t = 'y' WHERE n = 2`)).count).toBe(1);
    expect((await session.query(`DELETE FROM ${at('counts')}`)).count).toBe(2);
  });

  test('that is destroyed ends what is pending at once, and its transaction with it', async () => {
    const [one, other] = [await open(), await open()];
    await one.query(`CREATE TABLE ${at('locked')} (n NUMBER(38,0))`);
    await one.query(`INSERT INTO ${at('locked')} SELECT 1`);
    await one.query('BEGIN TRANSACTION');
    await one.query(`UPDATE ${at('locked')} SET n = 2`);
    await other.query('BEGIN TRANSACTION');
    // It waits for the table, for as long as a minute.
    const waiting = failure(other.query(`UPDATE ${at('locked')} SET n = 3`));
    other.destroy();
    expect((await waiting).kind).toBe('transient_error');
    expect((await failure(other.query('SELECT 1'))).kind).toBe('transient_error');
    await one.close();
    const { rows } = await (await open()).query(`SELECT n FROM ${at('locked')}`);
    expect(rows).toEqual([{ n: '1' }]);
  });

  test('that waits for a table longer than its limit meets a conflict', async () => {
    const [one, other] = [await open(), await open()];
    await one.query(`CREATE TABLE ${at('held')} (n NUMBER(38,0))`);
    await one.query(`INSERT INTO ${at('held')} SELECT 1`);
    await other.query('ALTER SESSION SET LOCK_TIMEOUT = 0');
    await one.query('BEGIN TRANSACTION');
    await one.query(`UPDATE ${at('held')} SET n = 2`);
    const error: unknown = await other.query(`UPDATE ${at('held')} SET n = 3`).catch((e) => e);
    expect(isConflict(error)).toBe(true);
    await one.query('COMMIT');
    expect((await other.query(`UPDATE ${at('held')} SET n = n + 1`)).count).toBe(1);
  });

  test('tells the connection with each statement, after what the config says', async () => {
    const author = { connection, epoch: epoch(1) };
    for (const [config, tag] of [
      [snowflake.config, 'tidemark:shop'],
      [{ ...snowflake.config, query_tag: "a'b" }, "a'b:shop"],
    ] as const) {
      const session = await connect(config, never, author);
      sessions.push(session);
      const { rows } = await session.query(`SHOW PARAMETERS LIKE 'QUERY_TAG'`);
      expect(rows).toEqual([{ key: 'QUERY_TAG', value: tag }]);
    }
  });

  test('is not opened after an abort', async () => {
    const error = await failure(connect(snowflake.config, AbortSignal.abort()));
    expect(error.code).toBe('aborted');
  });
});

describe('a transaction that is ended from outside', () => {
  const begun = async (table: string): Promise<WarehouseSession> => {
    await (await open()).query(`CREATE TABLE ${at(table)} (n NUMBER(38,0))`);
    const author = { connection, epoch: epoch(1) };
    const session = await connect(snowflake.config, never, author);
    sessions.push(session);
    await session.query('BEGIN TRANSACTION');
    await session.query(`INSERT INTO ${at(table)} SELECT 1`);
    await endEarlierTransactions(await open(), connectionHash(connection), epoch(2));
    return session;
  };
  const rows = async (table: string): Promise<unknown[]> =>
    (await (await open()).query(`SELECT n FROM ${at(table)} ORDER BY n`)).rows.map(({ n }) => n);

  test('is not told to be committed', async () => {
    const session = await begun('ended');
    expect((await failure(session.query('COMMIT'))).kind).toBe('transient_error');
    expect(await rows('ended')).toEqual([]);
  });

  test('takes nothing with it that comes after, and none of that is committed', async () => {
    const session = await begun('after');
    await session.query(`INSERT INTO ${at('after')} SELECT 2`);
    expect(await rows('after')).toEqual([]);
    expect((await failure(session.query('COMMIT'))).kind).toBe('transient_error');
    await session.query('ROLLBACK');
    expect(await rows('after')).toEqual([]);
  });

  test('leaves a session that has others, and statements outside of any', async () => {
    const session = await begun('others');
    await session.query('ROLLBACK');
    await session.query('BEGIN TRANSACTION');
    await session.query(`INSERT INTO ${at('others')} SELECT 3`);
    await session.query('COMMIT');
    await session.query(`INSERT INTO ${at('others')} SELECT 4`);
    expect(await rows('others')).toEqual(['3', '4']);
  });
});

describe('the stage', () => {
  const fileOf = async (
    name: string,
    rows: readonly (readonly (string | null)[])[],
  ): Promise<RowFile> => {
    const path = join(directory, `local-${name}`);
    const bytes = gzipSync(rows.map(line).join(''));
    await writeFile(path, bytes);
    return { name, path, bytes: bytes.length, rows: rows.length, columns: ['a', 'b'] };
  };
  const openStage = async () => {
    const session = await open();
    const where = { ...place(), stage: 'files' };
    await makeStage(session, where);
    await makeStage(session, where);
    return createStage(session, where);
  };

  test('loads files as they were written, several at once, each once', async () => {
    const session = await open();
    const stage = await openStage();
    await session.query(`CREATE TABLE ${at('loaded')} ("A" VARCHAR, "B" VARCHAR)`);
    const odd = 'a"b\\n\n,\r\n\t\\N \u2028😀';
    const files = [
      await fileOf('p-1-x', [
        ['1', odd],
        ['2', null],
        ['3', ''],
      ]),
      await fileOf('p-10-x', [['4', '007']]),
    ];
    await Promise.all(files.map((file) => stage.put(file, at('loaded'), never)));
    await stage.put(files[0]!, at('loaded'), never);
    expect([...(await stage.list('p-'))].sort()).toEqual(['p-1-x', 'p-10-x']);
    await stage.load(at('loaded'), files, never);
    await stage.load(at('loaded'), files, never);
    const { rows } = await session.query(`SELECT a, b FROM ${at('loaded')} ORDER BY a`);
    expect(rows.map(({ b }) => b)).toEqual([odd, null, '', '007']);
    await stage.remove('p-1-');
    expect(await stage.list('p-')).toEqual(['p-10-x']);
    await stage.remove('p-1-');
  });

  test('a file that is not there is an error, and nothing of the others is loaded', async () => {
    const session = await open();
    const stage = await openStage();
    await session.query(`CREATE TABLE ${at('lacking')} ("A" VARCHAR, "B" VARCHAR)`);
    const file = await fileOf('q-1', [['1', 'x']]);
    await stage.put(file, at('lacking'), never);
    const absent = { ...file, name: 'q-2' };
    await expect(stage.load(at('lacking'), [file, absent], never)).rejects.toThrow('not found');
    expect((await session.query(`SELECT a FROM ${at('lacking')}`)).rows).toEqual([]);
  });

  test('an abort ends what is on its way, once the driver has let go of the file', async () => {
    const stage = await openStage();
    const abort = new AbortController();
    const file = await fileOf('r-1', [['1', 'x']]);
    const sending = failure(stage.put(file, at('x'), abort.signal));
    abort.abort();
    expect((await sending).code).toBe('aborted');
    // Were it still being read, this would end the process.
    await rm(file.path);
    expect(await stage.list('r-1')).toEqual(['r-1']);
  });
});

test('parts are staged in tables without Fail-safe; what is to be seen, also later, and Tidemark’s own is in others', async () => {
  const schema = `${snowflake.schema}_parts`;
  const config = { ...snowflake.config, schema };
  const loaders = new Sessions<SnowflakeConfig>({
    ...{ ...snowflake, config, destination: snowflakeDestination, broken: {} },
  });
  const one = await loaders.open({
    streams: [stream('orders'), stream('days', 'overwrite', { minimum_generation_id: 3 })],
  });
  for (const name of ['orders', 'days']) await one.sealed(name, ['{"id":1}']);
  const session = await open();
  const { rows } = await session.query(
    `SHOW TERSE TABLES IN SCHEMA ${pathOf('TIDEMARK', schema)} STARTS WITH ''`,
  );
  const named = (kind: string): string[] =>
    rows
      .filter((row) => row['kind'] === kind)
      .map(({ name }) => String(name).replace(/(?<=^_TIDEMARK_(?:PART|NEXT|CHECKPOINTS)_).*/, '…'))
      .toSorted();
  expect(named('TRANSIENT')).toEqual(['_TIDEMARK_PART_…', '_TIDEMARK_PART_…']);
  expect(named('TABLE')).toEqual([
    ...['ORDERS', '_TIDEMARK_CHECKPOINTS_…', '_TIDEMARK_NEXT_…', '_TIDEMARK_TABLES'],
  ]);
  await loaders.close();
  await session.query(`DROP SCHEMA ${pathOf('TIDEMARK', schema)} CASCADE`);
});

test('a table takes the place of another, again after a crash between the steps', async () => {
  const session = await open();
  await session.query(`CREATE TABLE ${at('seen')} ("A" VARCHAR)`);
  await session.query(`CREATE TABLE ${at('next')} ("A" VARCHAR, "B" NUMBER(38,4))`);
  await session.query(`INSERT INTO ${at('next')} SELECT 'x', 1.5`);
  await session.query(`CREATE OR REPLACE TABLE ${at('seen')} CLONE ${at('next')} COPY GRANTS`);
  for (let times = 0; times < 2; times += 1) {
    await replace(session, place(), 'next', 'seen');
    expect((await session.query(`SELECT a, b FROM ${at('seen')}`)).rows).toEqual([
      { a: 'x', b: '1.5000' },
    ]);
    expect(await columnsOf(session, place(), 'next')).toEqual([]);
  }
  expect(await columnsOf(session, place(), 'seen')).toEqual([
    { name: 'a', type: 'VARCHAR' },
    { name: 'b', type: 'NUMBER(38,4)' },
  ]);
});
