import { SyncError, type FailureKind } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';
import { keyOf, placeOf, type BigQueryConfig } from './config.ts';
import { isPassing, ServiceError } from './service-error.ts';

type Told = readonly [kind: FailureKind, message: string, remedy: string];

const goesOn =
  'Check the network between worker and Google, and status.cloud.google.com; the next attempt goes on from the last checkpoint.';
const key = 'Check credentials_json: the key may be deleted, or of another account.';

/** By `reason`: cloud.google.com/bigquery/docs/error-messages; and by what the service of tokens, the network and the driver say. */
const byReason: Readonly<Record<string, Told>> = {
  invalid_grant: ['config_error', 'Google refused the key of the service account.', key],
  invalid_client: ['config_error', 'Google refused the key of the service account.', key],
  unauthorized_client: ['config_error', 'Google refused the key of the service account.', key],
  authError: ['config_error', 'BigQuery refused the credentials.', key],
  required: ['config_error', 'BigQuery wants credentials.', key],
  accessNotConfigured: [
    'config_error',
    'The project has no BigQuery.',
    'Enable the BigQuery API in the project: gcloud services enable bigquery.googleapis.com.',
  ],
  billingNotEnabled: [
    'config_error',
    'The project has no billing.',
    'Enable billing: without it BigQuery changes no rows, and has no transactions.',
  ],
  billingTierLimitExceeded: [
    'config_error',
    'A statement would cost more than the project allows.',
    'Raise its limit, or let a batch be smaller with batch_max.',
  ],
  blocked: [
    'config_error',
    'BigQuery has blocked the project for these requests.',
    'See the project’s notifications in the Google Cloud console.',
  ],
  quotaExceeded: [
    'transient_error',
    'A quota of BigQuery is used up.',
    'See which in the console under IAM & Admin, Quotas, and have it raised; or commit less often with commit_interval_min.',
  ],
  resourcesExceeded: [
    'transient_error',
    'A statement needed more than BigQuery gives one.',
    'Let a batch be smaller with batch_max.',
  ],
  resourceInUse: ['transient_error', 'A table of BigQuery is in use.', 'It is tried again.'],
  tableUnavailable: ['transient_error', 'A table of BigQuery is unavailable.', goesOn],
  stopped: [
    'transient_error',
    'A job of BigQuery was cancelled.',
    'Look who does, in the project’s history of jobs; the next attempt goes on from the last checkpoint.',
  ],
  timeout: ['transient_error', 'A job of BigQuery took too long.', goesOn],
  ENOTFOUND: [
    'config_error',
    'The host of BigQuery is unknown.',
    'Check endpoint, or the worker’s name service.',
  ],
  ENOSPC: [
    'transient_error',
    'The disk of the worker is full.',
    'Make room where temporary files go (TMPDIR): a batch waits there until it is committed.',
  ],
};

/** The one place where the driver's errors become ours. The service's own messages, which may hold values, stay in the cause. */
export function asBigQueryError(
  error: unknown,
  config: BigQueryConfig,
  abort?: AbortSignal,
): SyncError {
  if (abort?.aborted === true) return aborted();
  if (error instanceof SyncError) return error;
  const [kind, message, remedy] = told(error, config);
  const { reason = '', status = null } = error instanceof ServiceError ? error : {};
  return new SyncError(kind, message, {
    ...{ origin: 'destination', place: placeOf(config), remedy, cause: error },
    ...(reason !== '' && {
      facts: { reason, ...(status !== null && { status }) },
    }),
  });
}

function told(error: unknown, config: BigQueryConfig): Told {
  if (!(error instanceof ServiceError)) return toldOfDriver(error);
  const { reason, status, message } = error;
  // A newer writer ends the sessions of those before it.
  if (/session/i.test(message) && /invalid|expired|terminated|not found/i.test(message))
    return ['transient_error', 'A session of BigQuery was ended.', 'It is tried again.'];
  if (/due to concurrent update/i.test(message))
    return [
      'transient_error',
      'Another job changes a table all the time.',
      'Let no other program change the rows of Tidemark’s tables while it syncs; it is tried again.',
    ];
  if (/partitioning specification|clustering specification/i.test(message))
    return [
      'config_error',
      'The table of a stream was given other partitions or clustering while its new rows were loaded.',
      'Give it those that it had, or drop it: it is made anew of the new rows.',
    ];
  // Of a writer that was fenced off a newer one removes them: that is found out.
  if (reason === 'notFound' && /\bgs:\/\//.test(message))
    return [
      'transient_error',
      'A file that waited in the bucket is gone.',
      'Let nothing else delete what is below staging_prefix, nor a lifecycle rule within a day; the next attempt goes on from the last checkpoint.',
    ];
  if (status === 404 && /bucket does not exist/i.test(message))
    return ['config_error', 'The bucket is not there.', 'Make it, or check staging_bucket.'];
  if (Object.hasOwn(byReason, reason)) return byReason[reason]!;
  if (isPassing(error))
    return ['transient_error', 'BigQuery could not be reached, or could not do it now.', goesOn];
  if (reason === 'accessDenied' || status === 403) return denied(message, config);
  if (status === 401) return ['config_error', 'BigQuery refused the credentials.', key];
  if (reason === 'notFound' || status === 404)
    return [
      'config_error',
      'The project, the dataset or a table is not there, or not in this location.',
      'Check project, dataset and location in the config. Tables of Tidemark (_tidemark_…) are not to be dropped while it syncs.',
    ];
  return [
    'system_error',
    'BigQuery refused a request.',
    'See the cause in the worker’s log, and report it.',
  ];
}

/** Every right that a sync needs is in two roles, of the dataset and of the project; with a bucket, in two more of that. */
function denied(message: string, config: BigQueryConfig): Told {
  const permission = /\b(bigquery|storage)\.\w+\.\w+/.exec(message)?.[0];
  const said =
    permission === undefined
      ? 'BigQuery denied it.'
      : `${permission.startsWith('storage.') ? 'Cloud Storage' : 'BigQuery'} denied ${permission}.`;
  return ['config_error', said, grantOf(permission ?? '', config)];
}

function grantOf(permission: string, config: BigQueryConfig): string {
  const { project, dataset, staging_bucket: bucket = 'BUCKET' } = config;
  const member = `serviceAccount:${emailIn(config) ?? 'ACCOUNT'}`;
  if (permission.startsWith('storage.')) {
    // No role for objects lets one look at the bucket, which a load job does: /bigquery/docs/batch-loading-data#required_permissions
    const role = permission.startsWith('storage.buckets') ? 'legacyBucketReader' : 'objectAdmin';
    return `Grant it on the bucket: gcloud storage buckets add-iam-policy-binding gs://${bucket} --member=${member} --role=roles/storage.${role}`;
  }
  const role = permission === 'bigquery.datasets.create' ? 'user' : 'jobUser';
  return /^bigquery\.(jobs|datasets\.create)/.test(permission)
    ? `Grant it on the project: gcloud projects add-iam-policy-binding ${project} --member=${member} --role=roles/bigquery.${role}`
    : `Grant it on the dataset: GRANT \`roles/bigquery.dataEditor\` ON SCHEMA \`${project}\`.\`${dataset}\` TO "${member}"; and on the project roles/bigquery.jobUser.`;
}

function emailIn({ credentials_json: text }: BigQueryConfig): string | null {
  return text === undefined ? null : keyOf(text).email;
}

function toldOfDriver(error: unknown): Told {
  const { message = '', code } = error as { message?: string; code?: string };
  if (/default credentials/i.test(message))
    return [
      'config_error',
      'The worker has no credentials of its own for Google Cloud.',
      'Give it some (GOOGLE_APPLICATION_CREDENTIALS, or a service account of its machine), or set credentials_json in the config.',
    ];
  // What the driver makes of a key that is none.
  if (/DECODER|PEM|asn1|private key/i.test(message))
    return ['config_error', 'The private key in the credentials cannot be read.', key];
  if (code !== undefined && Object.hasOwn(byReason, code)) return byReason[code]!;
  return [
    'system_error',
    'BigQuery could not be worked with.',
    'See the cause in the worker’s log, and report it.',
  ];
}
