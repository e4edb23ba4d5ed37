import type * as S3 from '@aws-sdk/client-s3';
import { defaultRegion, type S3Connection } from './config.ts';

/** Of each request, ms, until the service has taken the connection. */
const connectMsMax = 10_000;
/** Without a byte in either direction, ms. */
const silentMsMax = 60_000;
/** Of each request, with growing pauses between; then the attempt fails and Temporal retries. */
const triesMax = 4;

export type Sdk = typeof S3;

/** Loaded when it is needed: it takes a third of a second and 20 MB that a worker without S3 need not have. */
export const loadSdk = (): Promise<Sdk> => import('@aws-sdk/client-s3');

/** `checksums`: of what is sent and fetched. */
export function clientOf(sdk: Sdk, config: S3Connection, checksums: 'crc32' | 'none'): S3.S3Client {
  const { endpoint, access_key_id: accessKeyId, secret_access_key: secretAccessKey } = config;
  const isNone = checksums === 'none';
  return new sdk.S3Client({
    region: config.region ?? defaultRegion,
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle: config.path_style ?? endpoint !== undefined,
    // The config says where data goes, never a variable or profile of the worker.
    ignoreConfiguredEndpointUrls: true,
    followRegionRedirects: false,
    maxAttempts: triesMax,
    requestChecksumCalculation: isNone ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED',
    responseChecksumValidation: isNone ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED',
    requestHandler: { connectionTimeout: connectMsMax, socketTimeout: silentMsMax },
    // Absent: the worker's own. That it may be used was decided before: see x-ambient-without in the spec.
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: {
          ...{ accessKeyId, secretAccessKey },
          ...(config.session_token !== undefined && { sessionToken: config.session_token }),
        },
      }),
  });
}
