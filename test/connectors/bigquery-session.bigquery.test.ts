import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createClient, type Client } from '../../connectors/bigquery/client.ts';
import { createJobs, type Job, type Jobs } from '../../connectors/bigquery/jobs.ts';
import { failedJob, ServiceError } from '../../connectors/bigquery/service-error.ts';
import { createSession } from '../../connectors/bigquery/session.ts';
import { createStage } from '../../connectors/bigquery/stage.ts';
import { createWarehouse, labelOf } from '../../connectors/bigquery/warehouse.ts';
import type { RowFile } from '../../connectors/kit/warehouse/warehouse.ts';
import { testBigQuery, type TestBigQuery } from '../support/bigquery.ts';
import { connection, epoch, failure, never } from './harness.ts';

let bigquery: TestBigQuery;
let directory: string;
let table: string;
beforeAll(async () => {
  bigquery = await testBigQuery();
  directory = await mkdtemp(join(tmpdir(), 'tidemark-test-bigquery-'));
});
afterAll(async () => {
  await bigquery.drop();
  await rm(directory, { recursive: true });
});

const openSession = async () => {
  const warehouse = createWarehouse(bigquery.config);
  return { warehouse, session: await warehouse.connect(never) };
};
let tables = 0;
beforeEach(async () => {
  const { warehouse, session } = await openSession();
  tables += 1;
  table = warehouse.dialect.table(warehouse.schema, `t${tables}`);
  await session.query(`CREATE TABLE ${table} (a STRING, n INT64)`);
  await session.close();
});
const rows = (): Promise<readonly unknown[]> =>
  bigquery.query(`SELECT a, n FROM ${table} ORDER BY a`);

describe('a session of BigQuery, on the emulator', () => {
  test('counts what a statement changes, takes texts and null, and is alone in its transaction', async () => {
    const { session } = await openSession();
    await session.query('BEGIN TRANSACTION');
    const insert = `INSERT INTO ${table} (a, n) SELECT CAST(? AS STRING), CAST(? AS INT64)`;
    expect((await session.query(insert, ['x', '1'])).count).toBe(1);
    await session.query(insert, ['y', null]);
    const update = `UPDATE ${table} SET a = a WHERE n IS NULL OR n = 1`;
    expect((await session.query(update)).count).toBe(2);
    expect((await session.query(`SELECT a AS Name, n FROM ${table} ORDER BY a`)).rows).toEqual([
      { name: 'x', n: '1' },
      { name: 'y', n: null },
    ]);
    expect(await rows()).toEqual([]);
    await session.query('COMMIT');
    expect(await rows()).toHaveLength(2);
    await session.query('BEGIN TRANSACTION');
    await session.query(`DELETE FROM ${table} WHERE n = 1`);
    await session.query('ROLLBACK');
    expect(await rows()).toHaveLength(2);
    await session.close();
  });

  test('of two transactions that change one table one is in conflict', async () => {
    const [one, two] = [await openSession(), await openSession()];
    await one.session.query(`INSERT INTO ${table} (a) SELECT 'x'`);
    for (const { session } of [one, two]) await session.query('BEGIN TRANSACTION');
    await one.session.query(`UPDATE ${table} SET n = 1 WHERE a = 'x'`);
    const error: unknown = await two.session
      .query(`UPDATE ${table} SET n = 2 WHERE a = 'x'`)
      .catch((thrown: unknown) => thrown);
    expect(two.warehouse.isConflict(error)).toBe(true);
    await one.session.query('COMMIT');
    await two.session.query('ROLLBACK').catch(() => undefined);
    await two.session.query('BEGIN TRANSACTION');
    expect((await two.session.query(`UPDATE ${table} SET n = 2 WHERE a = 'x'`)).count).toBe(1);
    await two.session.query('COMMIT');
    expect(await rows()).toEqual([{ a: 'x', n: '2' }]);
    for (const { session } of [one, two]) await session.close();
  });

  test('a statement whose answer was lost is looked up, and has run once', async () => {
    const client = createClient(bigquery.config);
    const forgetful: Client = {
      async send(request, abort) {
        // The service has taken it; the answer is lost, and it is sent again.
        if (request.path === '/jobs') await client.send(request, abort);
        return client.send(request, abort);
      },
    };
    const jobs = createJobs(forgetful, bigquery.config.project, 'US');
    const session = createSession(forgetful, jobs, () => Promise.resolve());
    const { count } = await session.query(`INSERT INTO ${table} (a) SELECT 'once'`);
    expect(count).toBe(1);
    await session.query('BEGIN TRANSACTION');
    await session.query(`UPDATE ${table} SET n = coalesce(n, 0) + 1 WHERE a = 'once'`);
    await session.query('COMMIT');
    expect(await rows()).toEqual([{ a: 'once', n: '1' }]);
    await session.close();
  });

  test('a transaction that a dead writer left open is ended by the next writer, not by an earlier one', async () => {
    const change = `UPDATE ${table} SET n = 1 WHERE a = 'x'`;
    const dead = await openSession();
    await dead.warehouse.takeOver!(dead.session, 'hash', epoch(1));
    await dead.session.query(`INSERT INTO ${table} (a) SELECT 'x'`);
    await dead.session.query('BEGIN TRANSACTION');
    await dead.session.query(change);

    const next = await openSession();
    await next.warehouse.takeOver!(next.session, 'hash', epoch(2));
    await next.session.query('BEGIN TRANSACTION');
    expect((await next.session.query(change)).count).toBe(1);

    const late = await openSession();
    await late.warehouse.takeOver!(late.session, 'hash', epoch(1, 2000));
    await next.session.query('COMMIT');
    expect(await rows()).toEqual([{ a: 'x', n: '1' }]);

    const refused: unknown = await dead.session.query('COMMIT').catch((thrown: unknown) => thrown);
    expect(dead.warehouse.asError(refused, never).kind).toBe('transient_error');
    for (const { session } of [dead, next, late]) await session.close();
  });

  test('a session that was ended meanwhile is made anew for the next transaction', async () => {
    const one = await openSession();
    await one.warehouse.takeOver!(one.session, 'again', epoch(1));
    for (const text of ['x', 'y']) {
      await one.session.query('BEGIN TRANSACTION');
      await one.session.query(`INSERT INTO ${table} (a) SELECT '${text}'`);
      await one.session.query('COMMIT');
      const two = await openSession();
      await two.warehouse.takeOver!(two.session, 'again', epoch(2));
      await two.session.close();
    }
    expect(await rows()).toHaveLength(2);
    await one.session.close();
  });

  test('one that is destroyed ends what is pending, and lets go of what it changed', async () => {
    const [holder, other] = [await openSession(), await openSession()];
    await holder.session.query(`INSERT INTO ${table} (a) SELECT 'x'`);
    await holder.session.query('BEGIN TRANSACTION');
    await holder.session.query(`UPDATE ${table} SET n = 1 WHERE a = 'x'`);
    // Outside a transaction it waits for the one that is open.
    const waits = other.session.query(`UPDATE ${table} SET n = 2 WHERE a = 'x'`);
    const pending = waits.then(
      () => 'done',
      () => 'ended',
    );
    other.session.destroy();
    expect(await pending).toBe('ended');
    await expect(other.session.query('SELECT 1')).rejects.toThrow('closed');
    holder.session.destroy();
    const third = await openSession();
    expect((await third.session.query(`UPDATE ${table} SET n = 3 WHERE a = 'x'`)).count).toBe(1);
    await third.session.close();
  });
});

test('a dataset that is made for a namespace is where the first one is', async () => {
  const { dataset, endpoint, project } = bigquery.config;
  const [first, other] = [`${dataset}_first`, `${dataset}_other`];
  const open = async (location?: string) => {
    const named = {
      ...bigquery.config,
      dataset: first,
      ...(location !== undefined && { location }),
    };
    const warehouse = createWarehouse(named);
    return { warehouse, session: await warehouse.connect(never) };
  };
  const one = await open('EU');
  await one.warehouse.makeSchema(one.session, first);
  const two = await open();
  await two.warehouse.makeSchema(two.session, other);
  const resource = await fetch(`${endpoint}/bigquery/v2/projects/${project}/datasets/${other}`);
  expect(await resource.json()).toMatchObject({ location: 'EU' });
  for (const { session } of [one, two]) await session.close();
});

test('each job carries the name of the connection; one that is no label is made one', async () => {
  const labels: unknown[] = [];
  const real = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const { body } = init ?? {};
    if (typeof body === 'string' && body.includes('jobReference'))
      labels.push(
        (JSON.parse(body) as { configuration: { labels: unknown } }).configuration.labels,
      );
    return real(input, init);
  };
  try {
    const warehouse = createWarehouse(bigquery.config);
    const session = await warehouse.connect(never, { connection, epoch: epoch(1) });
    await session.query('BEGIN TRANSACTION');
    await session.query('COMMIT');
    await session.close();
  } finally {
    globalThis.fetch = real;
  }
  // The session that is made, the two statements, and its end.
  expect(labels).toEqual([1, 2, 3, 4].map(() => ({ tidemark_connection: 'shop' })));
  expect(labelOf(`Größe 1.${'x'.repeat(99)}`)).toMatch(/^gr__e_1_x{55}$/);
});

describe('the stage of BigQuery, on the emulator', () => {
  const fileOf = async (name: string, lines: readonly string[], said = lines.length) => {
    const path = join(directory, name);
    await writeFile(path, gzipSync(lines.map((line) => `${line}\n`).join('')));
    return { name, path, bytes: 1, rows: said, columns: ['a'] } satisfies RowFile;
  };

  test('a file that is put again is loaded once', async () => {
    const stage = await createWarehouse(bigquery.config).openStage(never);
    const file = await fileOf('p-1.ab', ['{"a":"1"}', '{"n":"5"}']);
    await stage.put(file, table, never);
    await stage.put(file, table, never);
    await stage.load(table, [file], never);
    expect(await rows()).toHaveLength(2);
  });

  test('a file that holds other rows than it says, or went into another table, stops the load', async () => {
    const stage = await createWarehouse(bigquery.config).openStage(never);
    const wrong = await failure(stage.put(await fileOf('p-2', ['{"a":"1"}'], 2), table, never));
    expect([wrong.kind, wrong.code]).toEqual(['system_error', 'counts_disagree']);
    const file = await fileOf('p-3', ['{"a":"1"}']);
    await stage.put(file, table, never);
    const elsewhere = table.replace(/t\d+`$/, 'other`');
    expect((await failure(stage.put(file, elsewhere, never))).kind).toBe('system_error');
  });

  test('a job that failed for a passing reason is followed by one of another name; a bad file, and a job that nobody heard of, by none', async () => {
    const ids: string[] = [];
    const jobs = jobsFailing(ids, {
      ...{ jobReference: { jobId: '' } },
      configuration: {
        load: { destinationTable: { projectId: 'p', datasetId: 'd', tableId: 't' } },
      },
      statistics: { load: { outputRows: '1' } },
    });
    const file = await fileOf('p-4', ['{"a":"1"}']);
    const put = (...errors: ServiceError[]) =>
      createStage(jobs(errors)).put(file, '`p`.`d`.`t`', never);
    await put(failedJob({ reason: 'rateLimitExceeded' }));
    expect(ids).toEqual(['tidemark_load_p-4_1', 'tidemark_load_p-4_2']);
    const invalid = put(failedJob({ reason: 'invalid' }));
    await expect(invalid).rejects.toMatchObject({ reason: 'invalid' });
    // It may be at work: one of another name would load the file again.
    const lost = put(new ServiceError('network', { reason: 'ECONNRESET', message: '' }));
    await expect(lost).rejects.toMatchObject({ reason: 'ECONNRESET' });
    expect(ids).toHaveLength(4);
  });

  test('a statement that came too soon after others is sent again, in a transaction not', async () => {
    const told: string[] = [];
    const hasty = failedJob({ reason: 'rateLimitExceeded' });
    const jobs: Jobs = {
      run(id, configuration) {
        const { query } = (configuration as { query: { query: string } }).query;
        told.push(query);
        const isFirst = told.filter((one) => one === query).length === 1;
        if (isFirst && /^(ALTER|UPDATE)/.test(query)) return Promise.reject(hasty);
        const statistics = { sessionInfo: { sessionId: 's' } };
        return Promise.resolve({ jobReference: { jobId: id }, statistics });
      },
      cancel: () => undefined,
    };
    const session = createSession(createClient(bigquery.config), jobs, () => Promise.resolve());
    await session.query('ALTER TABLE t ADD COLUMN b STRING');
    await session.query('BEGIN TRANSACTION');
    await expect(session.query('UPDATE t SET a = 1')).rejects.toBe(hasty);
    const [altering, updating] = ['ALTER TABLE t ADD COLUMN b STRING', 'UPDATE t SET a = 1'];
    expect(told).toEqual([altering, altering, 'SELECT 1', 'BEGIN TRANSACTION', updating]);
  });
});

test('a statement that was refused since they came too often is sent again, under another name; within a transaction all of that is', async () => {
  const ids: string[] = [];
  const done: Job = {
    jobReference: { jobId: '' },
    statistics: { query: { statementType: 'SCRIPT' }, sessionInfo: { sessionId: 's' } },
  };
  const tooOften = failedJob({ reason: 'jobRateLimitExceeded', message: 'Exceeded rate limits' });
  const client = createClient(bigquery.config);
  const told = () => Promise.resolve();
  const alone = createSession(client, jobsFailing(ids, done)([tooOften]), told);
  await alone.query('DROP TABLE IF EXISTS t');
  expect(new Set(ids).size).toBe(2);
  ids.length = 0;
  const jobs = jobsFailing(ids, done);
  const failing: ServiceError[] = [];
  const session = createSession(client, jobs(failing), told);
  await session.query('BEGIN TRANSACTION');
  failing.push(tooOften);
  const error: unknown = await session
    .query('UPDATE t SET a = 1 WHERE true')
    .catch((thrown: unknown) => thrown);
  expect(error).toBe(tooOften);
  expect(createWarehouse(bigquery.config).isConflict(error)).toBe(true);
  expect(ids).toHaveLength(3);
});

/** Jobs that end so, after some that end with these errors; their names are put into `ids`. */
const jobsFailing =
  (ids: string[], done: Job) =>
  (errors: ServiceError[]): Jobs => ({
    run(id) {
      ids.push(id);
      const error = errors.shift();
      return error === undefined ? Promise.resolve(done) : Promise.reject(error);
    },
    cancel: () => undefined,
  });
