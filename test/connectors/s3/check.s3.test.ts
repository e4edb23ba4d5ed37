import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { s3Destination } from '../../../connectors/s3/index.ts';
import { ownBucket } from '../../support/s3-bucket.ts';
import { failure, never } from '../harness.ts';
import { createBucket } from './bucket.ts';

test('a check leaves nothing behind', async () => {
  const harness = await createBucket();
  await s3Destination.check(harness.config, never);
  expect(await harness.listing()).toEqual([]);
  expect(await harness.own()).toEqual([]);
  expect(await harness.uploads()).toEqual([]);
});

test('a right that is missing is named', async () => {
  const harness = await createBucket({ bucket: ownBucket() });
  const rights = [
    ...['s3:PutObject', 's3:GetObject', 's3:DeleteObject', 's3:ListBucket'],
    ...['s3:AbortMultipartUpload', 's3:ListBucketMultipartUploads'],
  ];
  for (const right of rights) {
    await harness.deny([right]);
    const error = await failure(s3Destination.check(harness.config, never));
    expect(error).toMatchObject({ kind: 'config_error', facts: { action: right } });
    expect(error.message).toBe(`S3 denied ${right}.`);
    expect(error.remedy).toContain(right);
  }
  await harness.allow();
  await s3Destination.check(harness.config, never);
});

describe('a service', () => {
  let server: Server | null = null;
  afterEach(() => server?.close());
  /** Speaks S3 as far as a put is asked for. */
  const serve = async (
    answer: (condition: string) => readonly [status: number, code: string],
  ): Promise<string> => {
    server = createServer((request, response) => {
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
  const config = { bucket: 'lake', access_key_id: 'a', secret_access_key: 'b' };

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
