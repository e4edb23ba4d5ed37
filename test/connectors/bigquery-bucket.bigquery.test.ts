import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { isNear } from '../../connectors/bigquery/bucket-location.ts';
import { openBucket } from '../../connectors/bigquery/bucket.ts';
import { createBucketStage } from '../../connectors/bigquery/bucket-stage.ts';
import { createClient } from '../../connectors/bigquery/client.ts';
import { bigqueryDestination, type BigQueryConfig } from '../../connectors/bigquery/index.ts';
import { createJobs } from '../../connectors/bigquery/jobs.ts';
import type { RowFile, Stage } from '../../connectors/kit/warehouse/warehouse.ts';
import { createWarehouse } from '../../connectors/bigquery/warehouse.ts';
import { testBucket, type TestBucket } from '../support/bigquery-bucket.ts';
import { createBigQuery } from './bigquery-harness.ts';
import type { TestBigQuery } from '../support/bigquery.ts';
import { done, overwritten } from './conformance-replace.ts';
import { checkpoint, epoch, failure, never, Sessions, stream } from './harness.ts';

// On the emulator: load jobs that read a bucket, all files or none, as Google's "Batch loading data" says; Cloud Storage as its JSON API's reference says.

let bigquery: TestBigQuery;
let bucket: TestBucket;
let config: BigQueryConfig;
let harness: Awaited<ReturnType<typeof createBigQuery>>;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-test-bigquery-'));
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(async () => {
  harness = await createBigQuery();
  ({ bigquery } = harness);
  bucket = await testBucket();
  config = { ...bigquery.config, staging_bucket: bucket.name, staging_prefix: 'a/b' };
});
afterEach(() => harness.drop());

describe('files in a bucket', () => {
  const fileOf = async (lines: readonly string[], said = lines.length): Promise<RowFile> => {
    const name = `_tidemark_part_x-${randomUUID()}`;
    const path = join(directory, name);
    await writeFile(path, gzipSync(lines.map((line) => `${line}\n`).join('')));
    return { name, path, bytes: 1, rows: said, columns: ['a'] };
  };
  const row = (a: number): string => `{"a":"${a}"}`;
  const open = async () => {
    const warehouse = createWarehouse(config);
    const session = await warehouse.connect(never);
    const table = warehouse.dialect.table(warehouse.schema, 't');
    await session.query(`CREATE TABLE ${table} (a STRING)`);
    await session.close();
    return { stage: await warehouse.openStage(never), table };
  };
  const put = async (stage: Stage, files: readonly RowFile[]): Promise<void> => {
    for (const file of files) await stage.put(file, 't', never);
  };
  const rows = () =>
    bigquery.query('SELECT a FROM t ORDER BY a'.replace('t', `${config.dataset}.t`));

  test('are loaded by one job, once, however often that is asked for', async () => {
    const { stage, table } = await open();
    const files = await Promise.all([1, 2, 3, 4].map((a) => fileOf([row(a)])));
    await put(stage, files);
    await put(stage, files.slice(0, 1));
    expect(await rows()).toEqual([]);
    await stage.load(table, files, never);
    await stage.load(table, files, never);
    expect((await rows()).map(({ a }) => a)).toEqual(['1', '2', '3', '4']);
    expect(await bucket.objects()).toEqual(
      files.map(({ name }) => `a/b/${name}.gz`).toSorted((a, b) => (a < b ? -1 : 1)),
    );
  });

  test('are loaded together or not at all: a missing one, a bad one, one that holds other rows than it says', async () => {
    const { stage, table } = await open();
    const good = await fileOf([row(1)]);
    const gone = await fileOf([row(2)]);
    await put(stage, [good, gone]);
    await bucket.remove(`a/b/${gone.name}.gz`);
    const warehouse = createWarehouse(config);
    const told = async (work: Promise<void>) =>
      failure(work.catch((error: unknown) => Promise.reject(warehouse.asError(error, never))));
    expect(await told(stage.load(table, [good, gone], never))).toMatchObject({
      kind: 'transient_error',
      message: 'A file that waited in the bucket is gone.',
    });
    const bad = await fileOf(['{"a":']);
    await put(stage, [bad]);
    expect((await told(stage.load(table, [good, bad], never))).facts).toEqual({
      reason: 'invalid',
    });
    expect(await rows()).toEqual([]);
    const wrong = await fileOf([row(3)], 2);
    await put(stage, [wrong]);
    expect((await told(stage.load(table, [wrong], never))).code).toBe('counts_disagree');
  });

  test('a job of the same name that loaded something else is found out', async () => {
    const { stage, table } = await open();
    const [file, more] = [await fileOf([row(1)]), await fileOf([row(2)])];
    await put(stage, [file, more]);
    const client = createClient(config);
    const jobs = createJobs(client, config.project, 'US');
    const ids: string[] = [];
    const everySame = createBucketStage(
      {
        ...jobs,
        run(id, configuration, abort) {
          ids.push(id);
          return jobs.run(ids[0]!, configuration, abort);
        },
      },
      openBucket(client, bucket.name, 'a/b'),
    );
    await everySame.load(table, [file], never);
    expect(ids).toEqual([expect.stringMatching(/^tidemark_load_t-[0-9a-f]{16}_1$/)]);
    const elsewhere = table.replace(/t`$/, 'u`');
    for (const [to, files] of [[elsewhere, [file]] as const, [table, [more]] as const])
      expect((await failure(everySame.load(to, files, never))).kind).toBe('system_error');
  });

  test('are found and removed by how their names begin, page by page', async () => {
    const { stage } = await open();
    const files = await Promise.all(Array.from({ length: 7 }, (_, i) => fileOf([row(i)])));
    await put(stage, files);
    expect(await stage.list('_tidemark_part_x-')).toHaveLength(7);
    await stage.remove(files[3]!.name);
    expect(await stage.list('_tidemark_part_')).toHaveLength(6);
    await stage.remove('_tidemark_part_');
    await stage.remove('_tidemark_part_');
    expect(await bucket.objects()).toEqual([]);
  });
});

describe('a loader with a bucket', () => {
  let sessions: Sessions<BigQueryConfig>;
  beforeEach(() => {
    sessions = new Sessions({ ...harness, config });
  });
  afterEach(() => sessions.close());
  const orders = async (columns = 'id') =>
    bigquery.query(`SELECT ${columns} FROM ${config.dataset}.orders ORDER BY id`);
  const ownTables = async () =>
    (await bigquery.query('SELECT table_name FROM information_schema.tables'))
      .map((row) => row['table_name']!)
      .filter((name) => name.startsWith('_tidemark_part_'));
  const dedup = [stream('orders', 'append_dedup')];

  test('commits rows and checkpoints, the last of a key, and leaves nothing in the bucket', async () => {
    const one = await sessions.open({ streams: dedup });
    const lines = ['{"id":1,"name":"a"}', '{"id":2,"name":"b"}', '{"id":1,"name":"c"}'];
    const receipt = await one.load('orders', lines, checkpoint('orders', 1, 1));
    expect(receipt.rows).toEqual({ orders: 3 });
    expect(receipt.cost?.stagedBytes).toBeGreaterThan(0);
    expect(await orders('id, name')).toEqual([
      { id: '1', name: 'c' },
      { id: '2', name: 'b' },
    ]);
    expect(await bucket.objects()).toEqual([]);
    const next = await sessions.open({ streams: dedup, epoch: epoch(2) });
    expect(next.held).toEqual([checkpoint('orders', 1, 1)]);
  });

  test('what a writer left that died before a load, or between that and its commit, is gone after the next open', async () => {
    const died = await sessions.open({ streams: dedup });
    await died.load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
    await died.sealed('orders', ['{"id":2}']);
    // Found out once it is loaded.
    const keyless = await died.sealed('orders', ['{"name":"x"}']);
    const commit = died.loader.commit([keyless], [checkpoint('orders', 2, 2)], never);
    expect((await failure(commit)).kind).toBe('config_error');
    expect(await bucket.objects()).toHaveLength(2);
    expect((await ownTables()).length).toBe(2);
    const next = await sessions.open({ streams: dedup, epoch: epoch(1, 2000) });
    expect(await bucket.objects()).toEqual([]);
    expect(await ownTables()).toEqual([]);
    await next.load('orders', ['{"id":2}'], checkpoint('orders', 2, 2, { epoch: epoch(1, 2000) }));
    expect(await orders()).toEqual([{ id: '1' }, { id: '2' }]);
    expect(await bucket.objects()).toEqual([]);
  });

  test('a writer that was fenced off while its files waited changes nothing, and is told that it was', async () => {
    const old = await sessions.open({ streams: dedup });
    const part = await old.sealed('orders', ['{"id":1}']);
    await sessions.open({ streams: dedup, epoch: epoch(2) });
    const error = await failure(old.loader.commit([part], [checkpoint('orders', 1, 1)], never));
    expect(error.code).toBe('fenced');
    expect(await orders()).toEqual([]);
  });

  test('without its bucket does not open, and says why', async () => {
    const lost = new Sessions({ ...harness, config: { ...config, staging_bucket: 'no-such-one' } });
    const error = await failure(lost.open({ streams: dedup }));
    expect([error.kind, error.message]).toEqual(['config_error', 'The bucket is not there.']);
    await lost.close();
  });

  test('replaces the data of a stream', async () => {
    for (const syncNo of [1, 2]) {
      const open = { streams: [overwritten(syncNo)], epoch: epoch(syncNo) };
      const { load } = await sessions.open(open);
      await load('orders', [`{"id":${syncNo}}`], done(syncNo));
    }
    expect(await orders()).toEqual([{ id: '2' }]);
    expect(await bucket.objects()).toEqual([]);
  });
});

describe('a check with a bucket', () => {
  test('leaves nothing in it', async () => {
    await bigqueryDestination.check(config, never);
    expect(await bucket.objects()).toEqual([]);
  });

  test.each([
    ['storage.buckets.get', 'legacyBucketReader'],
    ['storage.objects.create', 'objectAdmin'],
    ['storage.objects.get', 'objectAdmin'],
    ['storage.objects.list', 'objectAdmin'],
    ['storage.objects.delete', 'objectAdmin'],
  ])('without %s tells the role', async (permission, role) => {
    const poor = await testBucket({ denied: [permission] });
    const work = bigqueryDestination.check({ ...config, staging_bucket: poor.name }, never);
    const { kind, message, remedy } = await failure(work);
    expect([kind, message]).toEqual(['config_error', `Cloud Storage denied ${permission}.`]);
    expect(remedy).toContain(`gs://${poor.name} `);
    expect(remedy).toContain(`--role=roles/storage.${role}`);
  });

  test('tells a bucket that is not there, or elsewhere', async () => {
    const none = { ...config, staging_bucket: 'no-such-bucket' };
    expect(await failure(bigqueryDestination.check(none, never))).toMatchObject({
      kind: 'config_error',
      message: 'The bucket is not there.',
    });
    const far = await testBucket({ location: 'europe-west3' });
    const elsewhere = { ...config, staging_bucket: far.name };
    expect(await failure(bigqueryDestination.check(elsewhere, never))).toMatchObject({
      kind: 'config_error',
      place: `gs://${far.name} in EUROPE-WEST3, ${config.dataset} in US`,
    });
  });

  test.each([
    ['US', { location: 'US' }, true],
    ['US', { location: 'US-WEST1' }, true],
    ['US', { location: 'NAM4' }, true],
    ['US', { location: 'EU' }, false],
    ['EU', { location: 'EUR4' }, true],
    ['EU', { location: 'EUR9' }, true],
    ['EU', { location: 'US-EAST1' }, false],
    ['europe-west3', { location: 'EUROPE-WEST3' }, true],
    ['europe-west3', { location: 'EU' }, false],
    ['europe-north1', { location: 'EUR4' }, true],
    [
      'europe-west1',
      {
        location: 'EU',
        customPlacementConfig: { dataLocations: ['EUROPE-WEST1', 'EUROPE-WEST9'] },
      },
      true,
    ],
  ])('a dataset in %s, a bucket in %j: near is %p', (dataset, resource, near) => {
    expect(isNear(dataset, resource)).toBe(near);
  });
});
