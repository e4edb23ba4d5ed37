import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { s3Destination, type S3Config } from '../../../connectors/s3/index.ts';
import { ownBucket } from '../../support/s3-bucket.ts';
import { strangerKey } from '../../support/s3-server.ts';
import { done, overwritten } from '../conformance-replace.ts';
import { checkpoint, epoch, failure, never, Sessions } from '../harness.ts';
import { createBucket, type BucketHarness } from './bucket.ts';

test('a check leaves nothing behind', async () => {
  const harness = await createBucket();
  await s3Destination.check(harness.config, never);
  expect(await harness.listing()).toEqual([]);
  expect(await harness.own()).toEqual([]);
  expect(await harness.uploads()).toEqual([]);
});

describe('with no rights but those of the policy in the documentation', () => {
  interface Statement {
    readonly Effect: string;
    readonly Action: string[];
    readonly Resource: string;
  }
  const page = readFileSync(new URL('../../../docs/connectors.md', import.meta.url), 'utf8');
  const policy = JSON.parse(/```json\n(\{ "Version"[^`]*)```/.exec(page)![1]!) as {
    readonly Statement: readonly Statement[];
  };
  const rights = policy.Statement.flatMap(({ Action }) => Action);
  const { id, secret } = strangerKey;
  let harness: BucketHarness;
  let config: S3Config;
  /** The policy for this bucket and prefix; `but`: with one right denied. */
  const allow = (but?: string): Promise<void> => {
    const { bucket, prefix } = config;
    const here = (text: string): string =>
      text.replace('shop/raw', prefix!).replace('company-lake', bucket);
    const allowed = policy.Statement.map((one) => ({
      ...{ ...one, Principal: '*', Resource: here(one.Resource) },
    }));
    const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
    const denied = { Effect: 'Deny', Principal: '*', Action: [but ?? ''], Resource };
    return harness.policy(but === undefined ? allowed : [...allowed, denied]);
  };
  beforeAll(async () => {
    harness = await createBucket({ bucket: ownBucket() });
    config = { ...harness.config, access_key_id: id, secret_access_key: secret };
  });
  afterAll(() => harness.drop());

  test('a check passes, and syncs do all that they do', async () => {
    await allow();
    await s3Destination.check(config, never);
    const sessions = new Sessions({ ...harness, config });
    const large = Array.from({ length: 9 }, () => `{"name":"${'x'.repeat(1024 * 1024)}"}`);
    const dead = await sessions.open();
    await dead.load('orders', large, checkpoint('orders', 1, 1));
    await dead.sealed('orders', large);
    const streams = [overwritten(2)];
    const { load } = await sessions.open({ epoch: epoch(2), streams });
    await load('orders', ['{"id":1}'], done(2));
    expect(await harness.listing()).toHaveLength(1);
    await sessions.close();
  });

  test.each(rights)('where %s is denied a check names it', async (right) => {
    await allow(right);
    const error = await failure(s3Destination.check(config, never));
    expect(error).toMatchObject({ kind: 'config_error', facts: { action: right } });
    expect(error.message).toBe(`S3 denied ${right}.`);
    expect(error.remedy).toContain(right);
  });
});

describe('a service', () => {
  let server: Server | null = null;
  let puts: IncomingHttpHeaders[] = [];
  afterEach(() => {
    puts = [];
    server?.close();
  });
  /** Speaks S3 as far as a put is asked for. */
  const serve = async (
    answer: (condition: string) => readonly [status: number, code: string],
  ): Promise<string> => {
    server = createServer((request, response) => {
      if (request.method === 'PUT') puts.push(request.headers);
      const { 'if-none-match': none, 'if-match': match } = request.headers;
      const [status, code] =
        request.method === 'PUT' ? answer(String(none ?? match ?? '')) : ([200, ''] as const);
      request.resume().on('end', () => {
        response.writeHead(status, { etag: '"one"', 'content-type': 'application/xml' });
        const isList = request.method === 'GET';
        response.end(
          code === ''
            ? isList
              ? '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
              : '<DeleteResult/>'
            : `<Error><Code>${code}</Code></Error>`,
        );
      });
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const config: S3Config = { bucket: 'lake', access_key_id: 'a', secret_access_key: 'b' };

  test.each([
    ['takes every put', (): readonly [number, string] => [200, '']],
    [
      'honours If-None-Match only',
      (() => {
        let puts = 0;
        return (condition: string): readonly [number, string] =>
          condition === '*' && puts++ > 0 ? [412, 'PreconditionFailed'] : [200, ''];
      })(),
    ],
    ['knows no conditions', (): readonly [number, string] => [501, 'NotImplemented']],
  ])('that %s is refused: no commit would be safe', async (_, answer) => {
    const endpoint = await serve(answer);
    const error = await failure(s3Destination.check({ ...config, endpoint }, never));
    expect(error.kind).toBe('config_error');
    expect(error.message).toContain('conditional writes');
  });

  test.each([
    [503, 'SlowDown', 'transient_error'],
    [500, 'InternalError', 'transient_error'],
    [400, 'RequestTimeout', 'transient_error'],
    [403, 'AccessDenied', 'config_error'],
    [403, 'SignatureDoesNotMatch', 'config_error'],
    [400, 'ExpiredToken', 'config_error'],
    [301, 'PermanentRedirect', 'config_error'],
    [400, 'MalformedXML', 'system_error'],
  ])('that answers a put with %d %s: %s', async (status, code, kind) => {
    const endpoint = await serve(() => [status, code]);
    const error = await failure(s3Destination.check({ ...config, endpoint }, never));
    expect(error).toMatchObject({ kind, origin: 'destination' });
    expect(error.place).toContain('s3://lake/');
    expect(error.remedy).toBeDefined();
  });

  test('is told how to encrypt, and gets a checksum or none', async () => {
    const endpoint = await serve(() => [200, '']);
    const asked = { ...config, endpoint, encryption: 'aws:kms', kms_key_id: 'the-key' } as const;
    await failure(s3Destination.check(asked, never));
    expect(puts[0]).toMatchObject({
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'the-key',
      'x-amz-checksum-crc32': expect.stringMatching(/=$/) as string,
    });
    puts = [];
    await failure(s3Destination.check({ ...config, endpoint, checksums: 'none' }, never));
    const names = Object.keys(puts[0]!);
    expect(names.filter((name) => /checksum|encryption/.test(name))).toEqual([]);
  });

  test('that is away is tried again later; one in another region is the config’s', async () => {
    const away = await failure(
      s3Destination.check({ ...config, endpoint: 'http://127.0.0.1:9' }, never),
    );
    expect(away).toMatchObject({ kind: 'transient_error', origin: 'destination' });
    const endpoint = await serve(() => [400, 'AuthorizationHeaderMalformed']);
    const elsewhere = await failure(s3Destination.check({ ...config, endpoint }, never));
    expect(elsewhere).toMatchObject({ kind: 'config_error', remedy: 'Correct region.' });
  });
});
