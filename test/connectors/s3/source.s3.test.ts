import { readFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { s3Source, type S3SourceConfig } from '../../../connectors/s3/index.ts';
import { openAsking } from '../../../connectors/kit/s3/ask.ts';
import { listedBelow, listObjects } from '../../../connectors/s3/source/listing.ts';
import type { Item, StateMessage } from '../../../protocol/index.ts';
import { openBucket, ownBucket, type TestBucket } from '../../support/s3-bucket.ts';
import { strangerKey } from '../../support/s3-server.ts';
import { compress, configured, openPlace } from '../files/place.ts';
import { failure, never } from '../harness.ts';
import { sourceSuite } from '../source-conformance.ts';

const opened: TestBucket[] = [];
async function open(bucket?: string): Promise<{ bucket: TestBucket; config: S3SourceConfig }> {
  const one = await openBucket(bucket === undefined ? {} : { bucket });
  opened.push(one);
  return { bucket: one, config: { ...one.config } as S3SourceConfig };
}
afterAll(() => opened.forEach((one) => one.close()));

interface Read {
  readonly records: number[];
  readonly states: readonly StateMessage[];
  readonly failure: string | null;
}

async function read(
  config: S3SourceConfig,
  state: readonly StateMessage[] = [],
  on: (item: Item) => Promise<void> | void = () => undefined,
): Promise<Read> {
  const catalog = await s3Source.discover(config, never);
  const records: number[] = [];
  const states: StateMessage[] = [];
  let failed: string | null = null;
  const items = s3Source.read({
    ...{ config, catalog: configured(catalog, 'incremental'), state, drain: never, abort: never },
    accepts: () => ['jsonl'],
    checkpoints: { async *[Symbol.asyncIterator]() {} },
  });
  for await (const item of items) {
    if (item.type === 'BLOCK')
      for (const line of Buffer.from(item.bytes).toString().split('\n').slice(0, -1))
        records.push(
          Number((JSON.parse(line) as { record: { data: { id: number } } }).record.data.id),
        );
    if (item.type === 'STATE') states.push(item);
    if (item.type === 'END' && item.failure !== null)
      failed = `${item.failure.message} ${item.failure.place ?? ''}`;
    await on(item);
  }
  return { records, states, failure: failed };
}

const lines = (from: number, to: number, pad = 0): string =>
  Array.from(
    { length: to - from },
    (_, i) => `${JSON.stringify({ id: from + i, pad: 'x'.repeat(pad) })}\n`,
  ).join('');

sourceSuite<S3SourceConfig>({
  name: 'S3',
  async create() {
    const { bucket, config } = await open();
    await bucket.put('many.jsonl', lines(0, 1_000));
    await bucket.put('few.jsonl', lines(0, 3));
    return {
      ...{ source: s3Source, config: { ...config, checkpoint_records: 100 } },
      broken: {
        'a bucket': { ...config, bucket: `${config.bucket}-missing` },
        'a secret': { ...config, secret_access_key: 'wrong' },
        'no objects': { ...config, prefix: 'none' },
      },
      records: { many: 1_000, few: 3 },
      drop: () => Promise.resolve(),
    };
  },
});

test('what was put since is read, and what was replaced, in each text format', async () => {
  const { bucket, config } = await open();
  const streamed = { ...config, streams: [{ name: 's', glob: '**' }] };
  await bucket.put('a.jsonl', lines(0, 2));
  await bucket.put('b.csv', 'id\n2\n3\n');
  const one = await read(streamed);
  expect([one.records.toSorted((a, b) => a - b), one.failure]).toEqual([[0, 1, 2, 3], null]);
  await bucket.put('0.jsonl', lines(7, 8));
  await bucket.put('a.jsonl', lines(10, 12));
  await bucket.put('_tidemark/staged.jsonl', lines(99, 100));
  const two = await read(streamed, one.states.slice(-1));
  expect([two.records.toSorted((a, b) => a - b), two.failure]).toEqual([[7, 10, 11], null]);
  expect((await read(streamed, two.states.slice(-1))).records).toEqual([]);
  await bucket.put('c.jsonl.gz', gzipSync(lines(20, 22)));
  expect((await read(streamed, two.states.slice(-1))).records).toEqual([20, 21]);
});

interface Proxy {
  readonly url: string;
  /** Of each request for an object: from and up to, bytes. */
  readonly asked: [from: number, to: number][];
  readonly server: Server;
}

/** Passes on to the server what it is asked, and notes it; `cuts`: bodies of more than a MiB that break off in their middle. */
async function between(endpoint: string, cuts = 0): Promise<Proxy> {
  const asked: [number, number][] = [];
  let left = cuts;
  const { hostname, port } = new URL(endpoint);
  const server = createServer((incoming, outgoing) => {
    const { headers, method, url } = incoming;
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    if (from !== undefined) asked.push([Number(from), Number(to) + 1]);
    const onward = request({ hostname, port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      const isCut = Number(to) - Number(from) > 1024 * 1024 && left-- > 0;
      if (!isCut) return void answer.pipe(outgoing);
      answer.once('data', (bytes: Buffer) => {
        outgoing.write(bytes, () => outgoing.destroy());
        answer.destroy();
      });
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked, server };
}

const mebibyte = 1024 * 1024;
const bytesOf = (asked: Proxy['asked']): number =>
  asked.reduce((sum, [from, to]) => sum + to - from, 0);

describe('a large object', () => {
  const count = 12_000;
  const streams = [{ name: 's', glob: 'big*', format: 'jsonl' }] as const;
  let proxy: Proxy;
  afterEach(() => proxy.server.close());

  test('is entered where it was left: what is before is not fetched again', async () => {
    const { bucket, config } = await open();
    await bucket.put('big.jsonl', lines(0, count, 1_000));
    proxy = await between(config.endpoint!);
    const given = { ...config, streams, endpoint: proxy.url, checkpoint_records: 1_000 };
    const whole = await read(given);
    expect(whole.failure).toBeNull();
    proxy.asked.length = 0;
    const rest = await read(given, [whole.states[9]!]);
    expect(rest.records).toEqual(whole.records.slice(10_000));
    // The beginning, for discovery and for reading, and the rest from the grain on.
    expect(bytesOf(proxy.asked)).toBeLessThan(8 * mebibyte);
    const behind = proxy.asked.filter(([from]) => from > 0).map(([from]) => from > 8 * mebibyte);
    expect(behind).toEqual([true]);
  });

  test('whose bodies break is gone on with at the byte that was reached', async () => {
    const { bucket, config } = await open();
    await bucket.put('big.jsonl', lines(0, count, 1_000));
    proxy = await between(config.endpoint!, 3);
    const { records, failure: failed } = await read({ ...config, streams, endpoint: proxy.url });
    expect(failed).toBeNull();
    expect(records).toEqual(Array.from({ length: count }, (_, i) => i));
    const parts = proxy.asked.filter(([from]) => from >= mebibyte);
    expect(parts.length).toBe(4);
    expect(parts.every(([from], i) => i === 0 || from > parts[i - 1]![0])).toBe(true);
  });

  test('that is replaced before all of it was fetched fails the attempt, and the next reads it anew', async () => {
    const { bucket, config } = await open();
    await bucket.put('big.jsonl', lines(0, count, 1_000));
    // Its bodies break, so that its rest is asked for once more.
    proxy = await between(config.endpoint!, 1);
    let isReplaced = false;
    const given = { ...config, streams, checkpoint_records: 100 };
    const one = await read({ ...given, endpoint: proxy.url }, [], async ({ type }) => {
      if (type !== 'STATE' || isReplaced) return;
      isReplaced = true;
      await bucket.put('big.jsonl', lines(50_000, 50_003));
    });
    expect(one.failure).toContain('An object was replaced or removed while it was read.');
    expect(one.failure).toContain(`s3://${config.bucket}/${config.prefix!}/big.jsonl`);
    expect((await read(given, one.states.slice(-1))).records).toEqual([50_000, 50_001, 50_002]);
  });

  test('of zstd is fetched from its start, and read on from its place', async () => {
    const { bucket, config } = await open();
    const bytes = compress(lines(0, count, 1_000), 'zstd');
    await bucket.put('big.jsonl.zst', bytes);
    proxy = await between(config.endpoint!);
    const given = { ...config, streams, endpoint: proxy.url, checkpoint_records: 1_000 };
    const whole = await read(given);
    expect(whole.failure).toBeNull();
    expect(whole.records).toEqual(Array.from({ length: count }, (_, i) => i));
    proxy.asked.length = 0;
    const rest = await read(given, [whole.states[9]!]);
    expect(rest.failure).toBeNull();
    expect(rest.records).toEqual(whole.records.slice(10_000));
    expect(bytesOf(proxy.asked)).toBeGreaterThanOrEqual(bytes.byteLength);
  });

  test('of Parquet is fetched row group by row group, and entered at its row', async () => {
    const { bucket, config } = await open();
    const place = openPlace();
    await place.sql(
      `COPY (SELECT range AS id, [range] AS l, repeat(md5(range::VARCHAR), 12) AS t FROM range(60000)) TO '$/big.parquet' (FORMAT parquet, ROW_GROUP_SIZE 6144, COMPRESSION uncompressed)`,
    );
    const bytes = readFileSync(join(place.path, 'big.parquet'));
    place.drop();
    await bucket.put('big.parquet', bytes);
    proxy = await between(config.endpoint!);
    const parquet = [{ name: 's', glob: 'big*' }];
    const given = { ...config, streams: parquet, endpoint: proxy.url, checkpoint_records: 7_000 };
    const whole = await read(given);
    expect(whole.failure).toBeNull();
    expect(whole.records).toEqual(Array.from({ length: 60_000 }, (_, i) => i));
    proxy.asked.length = 0;
    const rest = await read(given, [whole.states[6]!]);
    expect(rest.records).toEqual(whole.records.slice(49_000));
    expect(bytesOf(proxy.asked)).toBeLessThan(bytes.byteLength / 2);
  });
});

test('a listing goes on over its pages', async () => {
  const { bucket, config } = await open();
  for (let i = 0; i < 7; i += 1) await bucket.put(`n-${i}.jsonl`, lines(i, i + 1));
  await bucket.put('other.jsonl', lines(9, 10));
  const asking = await openAsking(config, { end: 'source', checksums: 'none', abort: never });
  const found = await listObjects(asking, `${config.prefix!}/`, ['n-*.jsonl'], 2);
  asking.close();
  expect(found.map(({ name }) => name)).toEqual(
    Array.from({ length: 7 }, (_, i) => `n-${i}.jsonl`),
  );
});

test('it needs to list and to get, and a check names the right that is missing', async () => {
  const { bucket, config } = await open(ownBucket());
  await bucket.put('a.jsonl', lines(0, 1));
  const { id, secret } = strangerKey;
  const stranger = { ...config, access_key_id: id, secret_access_key: secret };
  const arn = `arn:aws:s3:::${config.bucket}`;
  const rights = [
    { Effect: 'Allow', Principal: '*', Action: ['s3:ListBucket'], Resource: arn },
    {
      Effect: 'Allow',
      Principal: '*',
      Action: ['s3:GetObject'],
      Resource: `${arn}/${config.prefix!}/*`,
    },
  ];
  await bucket.policy(rights);
  await s3Source.check(stranger, never);
  for (const [i, right] of ['s3:ListBucket', 's3:GetObject'].entries()) {
    await bucket.policy([rights[1 - i]!]);
    const error = await failure(s3Source.check(stranger, never));
    expect(error).toMatchObject({ kind: 'config_error', origin: 'source' });
    expect(error.message).toBe(`S3 denied ${right}.`);
    expect(error.place).toContain(`s3://${config.bucket}/`);
  }
});

test('globs are listed below what they begin with, what is below another once', () => {
  expect(listedBelow(['a/b-*.csv', 'a/b-2024/**', 'c.csv', './d/{e,f}'])).toEqual([
    'a/b-',
    'c.csv',
    'd/',
  ]);
  expect(listedBelow(null)).toEqual(['']);
});
