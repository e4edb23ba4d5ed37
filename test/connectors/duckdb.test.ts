import { execFile, spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { DuckdbConfig } from '../../connectors/duckdb/config.ts';
import { partId, streamId, SyncError } from '../../protocol/index.ts';
import { destinationSuite } from './conformance.ts';
import { createDuckdb } from './duckdb-harness.ts';
import { replaceSuite } from './conformance-replace.ts';
import { block, checkpoint, epoch, never, Sessions, stream, type Harness } from './harness.ts';

destinationSuite({ name: 'DuckDB', create: createDuckdb });
replaceSuite({ name: 'DuckDB', create: createDuckdb });

describe('the DuckDB loader', () => {
  let harness: Harness<DuckdbConfig>;
  let sessions: Sessions<DuckdbConfig>;
  beforeEach(async () => {
    harness = await createDuckdb();
    sessions = new Sessions(harness);
  });
  afterEach(async () => {
    await sessions.close();
    await harness.drop();
  });
  const types = async (): Promise<unknown> =>
    (
      await harness.query(
        `SELECT column_name AS name, data_type AS type FROM duckdb_columns() WHERE table_name = 'orders'`,
      )
    )
      .filter((row) => row['name'] === 'id' || row['name'] === 'price')
      .map((row) => row['type']);

  test('widens an integer column when a value needs it, and a number column to exact decimals', async () => {
    const { load } = await sessions.open();
    await load(
      'orders',
      ['{"id":1,"price":0.1}', '{"id":2,"price":1e-7}'],
      checkpoint('orders', 1, 1),
    );
    expect(await types()).toEqual(['BIGINT', 'DOUBLE']);
    const receipt = await load(
      'orders',
      [
        '{"id":9223372036854775808,"price":1.234567890123456789}',
        '{"id":4,"price":"2.000000000000000003"}',
      ],
      checkpoint('orders', 2, 2),
    );
    expect(receipt.nulled).toEqual({ orders: 0 });
    const found = await harness.query(
      "SELECT id, rtrim(price::VARCHAR, '0') AS price FROM orders ORDER BY id",
    );
    expect(found).toEqual([
      { id: '1', price: '0.1' },
      { id: '2', price: '0.0000001' },
      { id: '4', price: '2.000000000000000003' },
      { id: '9223372036854775808', price: '1.234567890123456789' },
    ]);
    const next = await load(
      'orders',
      ['{"id":5,"price":1e-37}', '{"id":6,"price":1e20}'],
      checkpoint('orders', 3, 3),
    );
    // 38 digits hold one of them beside the others, but not both: the column stays as it is.
    expect(next.nulled).toEqual({ orders: 2 });
  });

  test('a number that no decimal holds beside the others is NULL, counted', async () => {
    const { load } = await sessions.open();
    const receipt = await load(
      'orders',
      ['{"id":1,"price":1e300}', '{"id":2,"price":1.234567890123456789}'],
      checkpoint('orders', 1, 1),
    );
    expect(receipt.nulled).toEqual({ orders: 1 });
    expect(await types()).toEqual(['BIGINT', 'DOUBLE']);
  });

  test('other programs read the file between commits', async () => {
    const { load } = await sessions.open();
    await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
    const script = `const { DuckDBInstance } = require('@duckdb/node-api');
      (async () => {
        const instance = await DuckDBInstance.create(process.argv[1], { access_mode: 'READ_ONLY' });
        const connection = await instance.connect();
        console.log(JSON.stringify((await connection.runAndReadAll('SELECT id::VARCHAR FROM orders')).getRows()));
      })();`;
    const { stdout } = await promisify(execFile)(process.execPath, [
      '-e',
      script,
      harness.config.path,
    ]);
    expect(JSON.parse(stdout)).toEqual([['1']]);
  });

  test('a lock held by another process is a transient error that names it, and a commit after it succeeds', async () => {
    const { sealed, loader } = await sessions.open();
    const part = await sealed('orders', ['{"id":1}']);
    const script = `require('@duckdb/node-api').DuckDBInstance.create(process.argv[1]).then(() => { console.log('held'); setInterval(() => {}, 1000); });`;
    const holder = spawn(process.execPath, ['-e', script, harness.config.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const error: unknown = await loader
      .commit([part], [checkpoint('orders', 1, 1)], never)
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SyncError);
    expect((error as SyncError).toFailure()).toMatchObject({
      kind: 'transient_error',
      facts: { pid: holder.pid! },
    });
    const exited = new Promise((resolve) => holder.once('exit', resolve));
    holder.kill('SIGKILL');
    await exited;
    await loader.commit([part], [checkpoint('orders', 1, 1)], never);
    expect(await harness.query('SELECT id FROM orders')).toEqual([{ id: '1' }]);
  });

  test('two loaders of one process take turns at a file', async () => {
    const other = { id: '00000000-0000-4000-8000-000000000002', name: 'other' };
    const mine = await sessions.open();
    const theirs = await sessions.open({ connection: other, streams: [stream('people')] });
    await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        i % 2 === 0
          ? mine.load('orders', [`{"id":${i}}`], checkpoint('orders', i + 1, i))
          : theirs.load('people', [`{"id":${i}}`], checkpoint('people', i + 1, i)),
      ),
    );
    expect(await harness.query('SELECT count(*) AS n FROM orders')).toEqual([{ n: '3' }]);
    expect(await harness.query('SELECT count(*) AS n FROM people')).toEqual([{ n: '3' }]);
  });

  test('open sweeps what earlier writers of its connection staged, and nobody else’s', async () => {
    const other = { id: '00000000-0000-4000-8000-000000000002', name: 'other' };
    const old = await sessions.open();
    const theirs = await sessions.open({ connection: other, streams: [stream('people')] });
    await old.sealed('orders', ['{"id":1}']);
    const part = await theirs.sealed('people', ['{"id":2}']);
    const staged = async (): Promise<number> =>
      (await readdir(`${harness.config.path}.tidemark`)).filter((n) => n.endsWith('.ndjson'))
        .length;
    expect(await staged()).toBe(2);
    await sessions.open({ epoch: epoch(1, 2000) });
    expect(await staged()).toBe(1);
    await theirs.loader.commit([part], [checkpoint('people', 1, 1)], never);
    expect(await staged()).toBe(0);
    expect(await harness.query('SELECT id FROM people')).toEqual([{ id: '2' }]);
  });

  test('keys given twice in a record: the last one counts', async () => {
    const { load } = await sessions.open();
    await load(
      'orders',
      ['{"id":1,"name":"a","price":12345678901234567890.5,"name":"b"}'],
      checkpoint('orders', 1, 1),
    );
    expect(await harness.query('SELECT name FROM orders')).toEqual([{ name: 'b' }]);
  });

  test('NUL characters are kept', async () => {
    const { load } = await sessions.open();
    await load('orders', ['{"id":1,"name":"a\\u0000b"}'], checkpoint('orders', 1, 1));
    expect(await harness.query('SELECT length(name) AS n FROM orders')).toEqual([{ n: '3' }]);
  });

  test('a commit that is aborted midway can be repeated from the same parts', async () => {
    const { loader } = await sessions.open();
    const part = await loader.part(streamId({ name: 'orders' }), partId(epoch(1), 1));
    await part.append(
      block(
        'orders',
        Array.from({ length: 20_000 }, (_, i) => `{"id":${i}}`),
      ),
      never,
    );
    part.cover();
    const sealed = await part.seal();
    const abort = new AbortController();
    const committing = loader
      .commit([sealed], [checkpoint('orders', 1, 1)], abort.signal)
      .catch((e: unknown) => e);
    setImmediate(() => abort.abort());
    expect(await committing).toMatchObject({ code: 'aborted' });
    const receipt = await loader.commit([sealed], [checkpoint('orders', 1, 1)], never);
    expect(receipt.rows).toEqual({ orders: 20_000 });
    expect(await harness.query('SELECT count(*) AS n FROM orders')).toEqual([{ n: '20000' }]);
  });
});
