import type { FailureKind } from '../../protocol/index.ts';

/** What a person is told of an error. */
export interface Known {
  readonly kind: FailureKind;
  readonly message: string;
  readonly remedy: string;
}

export const goesOn = 'the next attempt goes on from the last checkpoint.';

/** What a user needs; see `check`, which tells which of it is missing. */
export const grants =
  'GRANT USAGE, CREATE ON SCHEMA … TO user; for schemas that are to be made GRANT CREATE ON DATABASE … TO user; tables that are there already must be its own.';

/** By SQLSTATE. */
export const byState: Readonly<Record<string, Known>> = {
  '28000': config('Redshift refused the login.', 'Check username and password, and ssl.'),
  '28P01': config('Redshift refused the password.', 'Check username and password.'),
  '3D000': config('The database does not exist.', 'Create it, or name another in the config.'),
  '42501': config('The Redshift user lacks a permission.', grants),
  '3F000': config('The schema does not exist.', 'Create it, or name another in the config.'),
  '2BP01': config(
    'Views depend on a table that is to be replaced.',
    'Make them late-binding (CREATE VIEW … WITH NO SCHEMA BINDING), or drop them.',
  ),
  '22001': config(
    'A text is longer than the 65,535 bytes that a column of Redshift holds.',
    'Of a state: put fewer streams into one connection. Of a key: leave it out of the primary key.',
  ),
  '54011': config('The table has too many columns.', 'Put changing keys into one object field.'),
  '57014': transient(
    'A Redshift statement was cancelled, or took longer than its limit.',
    `Look for locks (svv_transactions), query monitoring rules and load; ${goesOn}`,
  ),
  '53300': transient('Redshift has no free connection.', 'End other sessions.'),
  '53100': transient('The disk of the cluster is full.', 'Make room (VACUUM), or resize it.'),
};

/** Node's and OpenSSL's. */
export const byCode: Readonly<Record<string, Known>> = {
  ENOTFOUND: config('The Redshift host is unknown.', 'Check host in the config.'),
  ECONNREFUSED: transient(
    'Redshift refused the connection.',
    'Check that the cluster runs, and host and port in the config as seen from the worker.',
  ),
  EAI_AGAIN: transient(
    'The Redshift host could not be looked up.',
    'Check the worker’s name service.',
  ),
  DEPTH_ZERO_SELF_SIGNED_CERT: certificate(),
  SELF_SIGNED_CERT_IN_CHAIN: certificate(),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate(),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificate(),
  ERR_TLS_CERT_ALTNAME_INVALID: certificate(),
  CERT_HAS_EXPIRED: certificate(),
};

/** By what the message says, where the SQLSTATE is that of any internal error: Redshift reports COPY and S3 so. */
export const byMessage: readonly (readonly [RegExp, Known])[] = [
  [
    /does not support SSL connections/i,
    config('The server does not encrypt.', 'Set ssl to disable, if the way there is safe.'),
  ],
  [
    /not authorized to (?:get credentials of|assume) (?:IAM )?role|no default IAM role/i,
    config(
      'Redshift may not act as the IAM role.',
      'Attach the role to the cluster or workgroup, let redshift.amazonaws.com assume it, and check iam_role in the config.',
    ),
  ],
  [
    /S3ServiceException:(?:Access ?Denied|[^]*?\bStatus 403)/i,
    config(
      'Redshift may not read the files in the bucket.',
      'Allow s3:GetObject on the prefix and s3:ListBucket on the bucket to the IAM role, or to the access key; with aws:kms kms:Decrypt too.',
    ),
  ],
  [
    /S3ServiceException:[^]*?(?:PermanentRedirect|must be addressed using the specified endpoint|\bStatus 301)/i,
    config('The bucket is in another region than the cluster.', 'Set region to the bucket’s.'),
  ],
  [
    /S3ServiceException:[^]*?(?:NoSuchBucket|specified bucket does not exist)/i,
    config('Redshift does not find the bucket.', 'Check bucket and region in the config.'),
  ],
  [
    /S3ServiceException|S3CurlException|problem reading manifest|The S3 endpoint/i,
    transient('Redshift could not read the files from S3.', `It is tried again; ${goesOn}`),
  ],
  [
    /cluster is (?:paused|resuming|in maintenance|read[- ]only)|system is (?:starting up|shutting down)|database is (?:starting up|shutting down)/i,
    transient('Redshift is not available now.', `Resume the cluster, or wait; ${goesOn}`),
  ],
  [
    /disk full/i,
    transient('The disk of the cluster is full.', 'Make room (VACUUM), or resize it.'),
  ],
];

export function config(message: string, remedy: string): Known {
  return { kind: 'config_error', message, remedy };
}
export function transient(message: string, remedy: string): Known {
  return { kind: 'transient_error', message, remedy };
}
function certificate(): Known {
  return config(
    'The certificate of the Redshift server was refused.',
    'Check host, and ssl_ca where a proxy stands between.',
  );
}
