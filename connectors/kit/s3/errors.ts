import { SyncError, type FailureKind } from '../../../protocol/index.ts';
import { aborted as readAborted } from '../files-source/errors.ts';
import { aborted } from '../gather.ts';

type Told = readonly [kind: FailureKind, message: string, remedy: string];

const keys = 'Check access_key_id and secret_access_key, and that the key is active.';
const byName: Readonly<Record<string, Told>> = {
  NoSuchBucket: [
    'config_error',
    'The bucket does not exist.',
    'Create it, or name another as bucket in the config; check region and endpoint.',
  ],
  InvalidAccessKeyId: ['config_error', 'S3 does not know the access key.', keys],
  SignatureDoesNotMatch: ['config_error', 'S3 refused the secret of the access key.', keys],
  ExpiredToken: [
    'config_error',
    'The session token has expired.',
    'Put new temporary credentials into the secrets of the connection, or use a key that lasts.',
  ],
  InvalidToken: ['config_error', 'S3 refused the session token.', keys],
  CredentialsProviderError: [
    'config_error',
    'The worker has no credentials of its own for S3.',
    'Give it some (environment, profile or role), or set access_key_id and secret_access_key in the config.',
  ],
  PermanentRedirect: ['config_error', 'The bucket is in another region.', 'Correct region.'],
  AuthorizationHeaderMalformed: [
    'config_error',
    'The bucket is in another region.',
    'Correct region.',
  ],
  InvalidBucketName: ['config_error', 'The name is no bucket’s.', 'Correct bucket.'],
  RequestTimeTooSkewed: [
    'config_error',
    'The worker’s clock is wrong.',
    'Set the clock of the worker’s machine.',
  ],
  InvalidObjectState: [
    'config_error',
    'An object is archived.',
    'Restore it, or choose a glob that does not match it.',
  ],
  'KMS.DisabledException': ['config_error', 'The KMS key is disabled.', 'Enable it.'],
  'KMS.NotFoundException': ['config_error', 'The KMS key does not exist.', 'Correct kms_key_id.'],
  NoSuchUpload: [
    'transient_error',
    'S3 no longer knows an upload.',
    'Look for a rule of the bucket that aborts uploads at once; it is tried again.',
  ],
  BadDigest: ['transient_error', 'An object was damaged on its way to S3.', 'It is tried again.'],
  RequestTimeout: ['transient_error', 'A request took S3 too long.', 'It is tried again.'],
  OperationAborted: ['transient_error', 'S3 had something else to do there.', 'It is tried again.'],
  // Also in the body of an answer that began as a success.
  InternalError: ['transient_error', 'S3 could not do it now.', 'It is tried again.'],
  SlowDown: ['transient_error', 'S3 asks for fewer requests.', 'It is tried again by itself.'],
  ENOTFOUND: ['config_error', 'The S3 host is unknown.', 'Check endpoint and region.'],
  DEPTH_ZERO_SELF_SIGNED_CERT: certificate(),
  SELF_SIGNED_CERT_IN_CHAIN: certificate(),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate(),
  ERR_TLS_CERT_ALTNAME_INVALID: certificate(),
  CERT_HAS_EXPIRED: certificate(),
  ENOSPC: [
    'transient_error',
    'The disk of the worker is full.',
    'Make room where temporary files go (TMPDIR): a batch waits there until it is committed.',
  ],
};

function certificate(): Told {
  return [
    'config_error',
    'The certificate of the endpoint was refused.',
    'Check endpoint, or give the worker the certificate’s authority (NODE_EXTRA_CA_CERTS).',
  ];
}

const nameOf = (error: unknown): string => {
  const { name, Code, code } = error as { name?: string; Code?: string; code?: string };
  return (
    [Code, code, name].find((one) => one !== undefined && Object.hasOwn(byName, one)) ??
    code ??
    name ??
    ''
  );
};
export const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

export type End = 'source' | 'destination';

/** What was asked of S3. */
export interface Asked {
  /** On whose behalf. */
  readonly end: End;
  /** IAM's name of it: `s3:PutObject`. */
  readonly action: string;
  /** `s3://bucket/key`. */
  readonly place: string;
}

/** The one place where the driver's errors become ours. The service's own messages stay in the cause. */
export function asS3Error(
  error: unknown,
  { action, end, place }: Asked,
  abort?: AbortSignal,
): SyncError {
  if (abort?.aborted === true) return stopped(end);
  if (error instanceof SyncError) return error;
  const name = nameOf(error);
  const status = statusOf(error);
  const [kind, message, remedy] = told(error, name, status, action);
  return new SyncError(kind, message, {
    ...{ origin: end, place, remedy, cause: error },
    facts: { action, ...(name !== '' && { code: name }), ...(status !== undefined && { status }) },
  });
}

const stopped = (end: End): SyncError => (end === 'source' ? readAborted() : aborted());

function told(error: unknown, name: string, status: number | undefined, action: string): Told {
  if (Object.hasOwn(byName, name)) return byName[name]!;
  if (status === 403)
    return [
      'config_error',
      `S3 denied ${action}.`,
      `Allow ${action} in the policy of the key, and look for a bucket policy that denies it. With aws:kms, kms:GenerateDataKey and kms:Decrypt of the key too.`,
    ];
  if (status === 301 || status === 307) return byName['PermanentRedirect']!;
  if (status === 408 || status === 429 || (status !== undefined && status >= 500))
    return ['transient_error', 'S3 could not do it now.', goesOn];
  if (status === undefined && isOfRequest(error))
    return ['transient_error', 'S3 could not be reached.', goesOn];
  // Of the local directory, where parts wait.
  if (typeof (error as NodeJS.ErrnoException).path === 'string')
    return [
      'transient_error',
      'The worker could not read or write a temporary file.',
      'Look at the disk where temporary files go (TMPDIR); it is tried again.',
    ];
  return [
    'system_error',
    status === undefined ? 'The objects could not be worked with.' : 'S3 refused a request.',
    'See the cause in the worker’s log, and report it.',
  ];
}

const goesOn =
  'Check the network between worker and S3, and the state of the service; the next attempt goes on from the last checkpoint.';

/** The driver notes on each error of a request how often it tried; one that took too long is ended. */
const isOfRequest = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  ('$metadata' in error || ['AbortError', 'TimeoutError'].includes((error as Error).name));
