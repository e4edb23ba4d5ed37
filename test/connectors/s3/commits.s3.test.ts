import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { layoutOf } from '../../../connectors/s3/destination/layout.ts';
import type { Manifest } from '../../../connectors/kit/files/manifest.ts';
import type { S3Config } from '../../../connectors/s3/index.ts';
import { localPrefix } from '../../../connectors/s3/destination/local.ts';
import { openStore } from '../../../connectors/s3/destination/store.ts';
import { partId, streamId } from '../../../protocol/index.ts';
import { endpoint, ownBucket } from '../../support/s3-bucket.ts';
import { atTime } from '../../support/at-time.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { done, overwritten } from '../conformance-replace.ts';
import {
  block,
  checkpoint,
  connection,
  epoch,
  failure,
  never,
  Sessions,
  stream,
} from '../harness.ts';
import { createFiles } from '../files/written.ts';
import { createBucket, type BucketHarness } from './bucket.ts';

let harness: BucketHarness;
let sessions: Sessions<S3Config>;
let proxy: TcpProxy | null = null;
const use = async (more: Partial<S3Config> = {}): Promise<void> => {
  harness = await createBucket(more);
  sessions = new Sessions(harness);
};
beforeEach(() => use());
afterEach(async () => {
  await sessions.close();
  await proxy?.close();
  proxy = null;
  await harness.drop();
});

/** Requests pass by here. */
const useProxy = async (more: Partial<S3Config> = {}): Promise<TcpProxy> => {
  const { hostname: host, port } = new URL(endpoint());
  proxy = await startTcpProxy({ host, port: Number(port) });
  await use({ ...more, endpoint: `http://127.0.0.1:${proxy.port}` });
  return proxy;
};

const named = async (): Promise<string[]> =>
  (await harness.manifests())
    .flatMap(({ streams }) => Object.values(streams))
    .flatMap(({ current }) => (current?.files ?? []).map(({ path }) => path))
    .sort();
const intents = async (): Promise<readonly string[]> =>
  (await harness.own()).filter((key) => key.includes('/intents/'));
/** As long as a record, and not to be compressed away. */
const records = (count: number, bytes: number): string[] =>
  Array.from({ length: count }, (_, id) => `{"id":${id},"name":"${'x'.repeat(bytes)}"}`);
const localDirectories = (): string[] => {
  const prefix = localPrefix(harness.config, connection);
  return readdirSync(tmpdir()).filter((name) => name.startsWith(prefix));
};

test('objects are where the template says, and the manifest names them with what they hold', async () => {
  const { load } = await sessions.open();
  await load('orders', ['{"price":1.50e1,"id":1}', '{"id":2}'], checkpoint('orders', 1, 1));
  expect(await harness.listing()).toEqual(['orders/1-1000-1.jsonl']);
  const text = await harness.text('orders/1-1000-1.jsonl');
  expect(text).toContain('{"price":1.50e1,"id":1,"_airbyte_raw_id"');
  const [manifest] = await harness.manifests();
  expect(manifest).toMatchObject({ version: 1, connection, fence: epoch(1) });
  expect(manifest!.streams[streamId({ name: 'orders' })]!.current!.files).toEqual([
    {
      ...{ path: 'orders/1-1000-1.jsonl', rows: 2, generation: 3 },
      bytes: Buffer.byteLength(text),
    },
  ]);
});

describe('a large object', () => {
  const large = records(20, 1024 * 1024);

  test('is sent in parts, unseen until the commit, some of them at once', async () => {
    const { load, sealed, loader } = await sessions.open();
    const part = await sealed('orders', large);
    expect(await harness.listing()).toEqual([]);
    await loader.commit([part], [checkpoint('orders', 1, 1)], never);
    expect(await harness.listing()).toEqual(['orders/1-1000-1.jsonl']);
    expect((await harness.text('orders/1-1000-1.jsonl')).split('\n')).toHaveLength(21);
    expect(await harness.uploads()).toEqual([]);
    await load('orders', ['{"id":99}'], checkpoint('orders', 2, 2));
    expect(await named()).toEqual(await harness.listing());
  });

  test('that is never committed is given up when the writer closes', async () => {
    const { sealed, loader } = await sessions.open();
    await sealed('orders', large);
    await loader.close();
    expect(await harness.uploads()).toEqual([]);
    expect(await harness.listing()).toEqual([]);
  });

  test('of a writer that died is given up by the next; what others upload there stays', async () => {
    const { sealed } = await sessions.open();
    await sealed('orders', large);
    const store = await openStore(harness.config, never);
    const { key } = layoutOf(`${harness.config.prefix!}/`);
    await store.upload(key('orders/of-another.jsonl'), {});
    while ((await harness.uploads()).length < 2) await new Promise((go) => setTimeout(go, 10));
    await sessions.open({ epoch: epoch(1, 2000) });
    expect(await harness.uploads()).toEqual([key('orders/of-another.jsonl')]);
    store.close();
  });
});

test('what a writer left that died between its objects and the manifest is removed by the next, and nothing else', async () => {
  await use({ bucket: ownBucket() });
  await harness.put('orders/1-999-1.jsonl', 'of a person, called like one of ours');
  const dead = await sessions.open();
  await dead.load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
  await harness.deny(['s3:PutObject'], `_tidemark/${connection.id}.json`);
  const error = await failure(dead.load('orders', ['{"id":2}'], checkpoint('orders', 2, 2)));
  expect(error.kind).toBe('config_error');
  expect(await harness.listing()).toContain('orders/1-1000-2.jsonl');
  expect(await intents()).toHaveLength(1);
  await harness.allow();
  const { held } = await sessions.open({ epoch: epoch(1, 2000) });
  expect(held).toMatchObject([{ seq: 1 }]);
  expect(await harness.listing()).toEqual(['orders/1-1000-1.jsonl', 'orders/1-999-1.jsonl']);
  expect(await intents()).toEqual([]);
});

describe('the answer to the manifest’s put is lost', () => {
  test('it is committed once, and goes on', async () => {
    const cutting = await useProxy();
    const { load, held } = await sessions.open();
    expect(held).toEqual([]);
    const manifest = `PUT /${harness.config.bucket}/${harness.config.prefix!}/_tidemark/${connection.id}.json`;
    cutting.cutAt({ text: manifest, from: 'client', loseAnswer: true });
    const receipt = await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
    expect(cutting.cuts).toBeGreaterThan(0);
    expect(receipt.rows).toEqual({ orders: 1 });
    await load('orders', ['{"id":2}'], checkpoint('orders', 2, 2));
    expect(await named()).toEqual(['orders/1-1000-1.jsonl', 'orders/1-1000-2.jsonl']);
  });

  test('of a small object’s too: it is known again as this writer’s', async () => {
    const cutting = await useProxy();
    const { load } = await sessions.open();
    const object = `PUT /${harness.config.bucket}/${harness.config.prefix!}/orders/1-1000-1.jsonl`;
    cutting.cutAt({ text: object, from: 'client', loseAnswer: true });
    await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
    expect(cutting.cuts).toBeGreaterThan(0);
    expect(await named()).toEqual(['orders/1-1000-1.jsonl']);
  });
});

describe('two writers', () => {
  test('the older is refused by the manifest it meets, and takes away what it had put by then', async () => {
    const old = await sessions.open();
    const part = await old.sealed('orders', ['{"id":1}']);
    // As a writer on another host leaves it.
    const key = `_tidemark/${connection.id}.json`;
    const text = await harness.text(key);
    await harness.put(key, text.replace('"fence":{"syncNo":1', '"fence":{"syncNo":2'));
    const error = await failure(old.loader.commit([part], [checkpoint('orders', 1, 1)], never));
    expect(error).toMatchObject({ code: 'fenced', kind: 'transient_error' });
    expect(await named()).toEqual([]);
    expect(await harness.listing()).toEqual([]);
  });

  test('of one epoch leave each other’s uploads alone', async () => {
    const { sealed, loader } = await sessions.open();
    const part = await sealed('orders', records(9, 1024 * 1024));
    while ((await harness.uploads()).length < 1) await new Promise((go) => setTimeout(go, 10));
    await sessions.open();
    await loader.commit([part], [checkpoint('orders', 1, 1)], never);
    expect(await harness.listing()).toEqual(await named());
  });

  test('of one connection that open at once: one of them is fenced off', async () => {
    const writers = await Promise.allSettled(
      [1, 2, 3, 4].map((syncNo) => sessions.open({ epoch: epoch(syncNo) })),
    );
    const commits = await Promise.allSettled(
      writers.map(async (one, i) => {
        if (one.status === 'rejected') throw one.reason;
        const at = checkpoint('orders', 1, i, { epoch: epoch(i + 1) });
        return one.value.load('orders', [`{"id":${i}}`], at);
      }),
    );
    expect(commits.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
    expect(commits[3]!.status).toBe('fulfilled');
    expect((await harness.manifests())[0]!.fence).toEqual(epoch(4));
    // Every commit that was told is there, once; of those refused nothing is.
    expect(await harness.listing()).toEqual(await named());
    const told = commits.filter(({ status }) => status === 'fulfilled').length;
    expect((await harness.query('SELECT id FROM orders')).length).toBe(told);
  });

  test('another that changed the manifest without a newer fence: it is read again, and the commit is made on it', async () => {
    const { load } = await sessions.open();
    const key = `_tidemark/${connection.id}.json`;
    const text = await harness.text(key);
    await harness.put(key, text.replace('"name":"shop"', '"name":"renamed"'));
    await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
    const [manifest] = await harness.manifests();
    expect(manifest!.connection.name).toBe('renamed');
    expect(await named()).toEqual(['orders/1-1000-1.jsonl']);
  });
});

describe('an overwrite', () => {
  test('the new generation’s objects count when it is complete; then the old ones go', async () => {
    const first = await sessions.open();
    await first.load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
    await first.loader.close();
    const next = await sessions.open({
      epoch: epoch(2),
      streams: [overwritten(2)],
    });
    await next.load('orders', ['{"id":2}'], checkpoint('orders', 1, 1, { epoch: epoch(2) }));
    expect(await named()).toEqual(['orders/1-1000-1.jsonl']);
    await next.load('orders', ['{"id":3}'], done(2));
    expect(await named()).toEqual(await harness.listing());
    expect(await harness.listing()).toHaveLength(2);
  });
});

test('an object of somebody else is never replaced: the commit is refused and names it', async () => {
  const { sealed, loader } = await sessions.open();
  await harness.put('orders/1-1000-1.jsonl', 'of a person');
  const part = await sealed('orders', ['{"id":1}']);
  const error = await failure(loader.commit([part], [checkpoint('orders', 1, 1)], never));
  expect(error.kind).toBe('config_error');
  expect(error.place).toContain('orders/1-1000-1.jsonl');
  await loader.close();
  await sessions.open({ epoch: epoch(1, 2000) });
  expect(await harness.text('orders/1-1000-1.jsonl')).toBe('of a person');
  expect(await intents()).toEqual([]);
});

test('records beyond object_mib_max go into further objects', async () => {
  await use({ object_mib_max: 1, compression: 'gzip' });
  const { load } = await sessions.open();
  await load('orders', records(40, 64 * 1024), checkpoint('orders', 1, 1));
  expect((await named()).length).toBeGreaterThan(2);
  expect(await named()).toEqual(await harness.listing());
});

test('nothing is left on the worker’s disk, and what a dead writer left there is removed', async () => {
  const dead = await sessions.open();
  const part = await dead.loader.part(streamId({ name: 'orders' }), partId(epoch(1), 9));
  await part.append(block('orders', records(2, 1024 * 1024)), never);
  const before = localDirectories();
  expect(before).toHaveLength(1);
  const { loader } = await sessions.open({ epoch: epoch(1, 2000) });
  expect(localDirectories()).toHaveLength(1);
  expect(localDirectories()).not.toEqual(before);
  await loader.close();
  expect(localDirectories()).toEqual([]);
});

test('a stream that another connection owns is refused, and taken over with its objects', async () => {
  const first = await sessions.open();
  await first.load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
  const other = { id: '7b7a3b43-5f05-4c9d-8f5c-0a3c54f0a002', name: 'other' };
  const error = await failure(sessions.open({ connection: other }));
  expect(error).toMatchObject({ kind: 'config_error' });
  const second = await sessions.open({
    connection: other,
    adopt: true,
    streams: [stream('orders')],
  });
  await second.load('orders', ['{"id":2}'], checkpoint('orders', 1, 1));
  // The next writer of the first connection sweeps what the one before it announced: the objects that were taken over stay.
  await sessions.open({ epoch: epoch(2), streams: [stream('customers')] });
  expect(await named()).toEqual(await harness.listing());
  expect((await harness.query('SELECT id FROM orders')).length).toBe(2);
});

describe('below dates', () => {
  const byDate = '{stream}/date={year}-{month}-{day}/h={hour}/{sync}-{attempt}-{part}.{ext}';
  const begun = '2025-12-31T23:59:59.999Z';
  const later = '2026-01-01T00:00:00.000Z';

  test('all objects of a part have the time at which it was begun, also when its commit is made again; a dead writer’s are removed', async () => {
    await use({ bucket: ownBucket(), template: byDate, object_mib_max: 1 });
    const { sealed, loader } = await sessions.open();
    const first = await atTime([begun, later], () => sealed('orders', records(40, 64 * 1024)));
    await harness.deny(['s3:PutObject'], `_tidemark/${connection.id}.json`);
    await failure(loader.commit([first], [checkpoint('orders', 1, 1)], never));
    const objects = ['1', '1_2', '1_3'].map(
      (part) => `orders/date=2025-12-31/h=23/1-1000-${part}.jsonl`,
    );
    expect(await harness.listing()).toEqual(objects);
    await harness.allow();
    for (let n = 0; n < 2; n += 1) {
      await loader.commit([first], [checkpoint('orders', 1, 1)], never);
      expect(await harness.listing()).toEqual(objects);
      expect(await named()).toEqual(objects);
    }
    const dead = await atTime(later, () => sealed('orders', ['{"id":99}']));
    await harness.deny(['s3:PutObject'], `_tidemark/${connection.id}.json`);
    await failure(loader.commit([dead], [checkpoint('orders', 2, 2)], never));
    expect(await harness.listing()).toContain('orders/date=2026-01-01/h=00/1-1000-2.jsonl');
    await harness.allow();
    await sessions.open({ epoch: epoch(1, 2000) });
    expect(await harness.listing()).toEqual(objects);
  });

  test('an overwrite takes the place of objects that another template named, and an object of somebody else is never replaced', async () => {
    const first = await sessions.open();
    await first.load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
    await first.loader.close();
    const after = new Sessions({ ...harness, config: { ...harness.config, template: byDate } });
    const next = await after.open({ epoch: epoch(2), streams: [overwritten(2)] });
    const part = await atTime(begun, () => next.sealed('orders', ['{"id":2}']));
    const object = 'orders/date=2025-12-31/h=23/2-1000-1.jsonl';
    await harness.put(object, 'of a person');
    const taken = await failure(next.loader.commit([part], [done(2)], never));
    expect([taken.kind, taken.place]).toEqual([
      ...['config_error', expect.stringContaining(object) as string],
    ]);
    const again = await atTime(later, () => next.sealed('orders', ['{"id":2}']));
    await next.loader.commit([again], [done(2)], never);
    expect(await named()).toEqual(['orders/date=2026-01-01/h=00/2-1000-2.jsonl']);
    expect(await harness.listing()).toEqual([object, ...(await named())]);
    expect(await harness.query('SELECT id FROM orders')).toEqual([{ id: '2' }]);
    await after.close();
  });
});

test.each(['csv', 'parquet'] as const)('%s objects hold what files hold', async (format) => {
  await use({ format });
  const files = await createFiles({ format });
  const beside = new Sessions(files);
  const data = ['{"id":1,"name":"ü \\"x\\"","price":1.50}', '{"id":2,"more":{"a":[1]}}'];
  for (const all of [sessions, beside]) {
    const { load } = await all.open();
    await load('orders', data, checkpoint('orders', 1, 1));
  }
  const sql = 'SELECT * EXCLUDE (_airbyte_raw_id) FROM orders ORDER BY id';
  expect(await harness.query(sql)).toEqual(await files.query(sql));
  const datasetIn = (manifests: readonly Manifest[]) =>
    manifests[0]!.streams[streamId({ name: 'orders' })]!.current;
  const withoutBytes = (manifests: readonly Manifest[]) => ({
    ...datasetIn(manifests)!,
    files: datasetIn(manifests)!.files.map((file) => ({ ...file, bytes: 0 })),
  });
  expect(withoutBytes(await harness.manifests())).toEqual(withoutBytes(files.manifests()));
  await beside.close();
  await files.drop();
});
