import type { BigQueryConfig } from '../../connectors/bigquery/index.ts';
import { asBigQueryError } from '../../connectors/bigquery/errors.ts';
import { asServiceError, failedJob, isConflict } from '../../connectors/bigquery/service-error.ts';
import { bigqueryDestination } from '../../connectors/bigquery/index.ts';
import { failure, never } from './harness.ts';

const key = JSON.stringify({
  type: 'service_account',
  client_email: 'loader@shop.iam.gserviceaccount.com',
  private_key: 'no key at all',
});
const config: BigQueryConfig = { project: 'shop', dataset: 'raw', credentials_json: key };

/** As the driver throws it. */
const answer = (status: number, reason: string, message: string): unknown =>
  asServiceError(
    Object.assign(new Error(message), {
      response: {
        status,
        data: { error: { code: status, message, errors: [{ reason, message }] } },
      },
    }),
  );

const told = (error: unknown, of = config) => {
  const { kind, message, remedy, place } = asBigQueryError(error, of);
  return { kind, message, remedy: remedy!, place };
};

test('a right that is missing is told with its name, and with the GRANT for this account', () => {
  const table = told(
    answer(
      403,
      'accessDenied',
      'Access Denied: Table shop:raw.orders: Permission bigquery.tables.updateData denied on table shop:raw.orders (or it may not exist).',
    ),
  );
  expect(table).toEqual({
    kind: 'config_error',
    message: 'BigQuery denied bigquery.tables.updateData.',
    place: 'shop.raw',
    remedy: expect.stringContaining(
      'GRANT `roles/bigquery.dataEditor` ON SCHEMA `shop`.`raw` TO "serviceAccount:loader@shop.iam.gserviceaccount.com"',
    ),
  });
  const job = told(
    answer(
      403,
      'accessDenied',
      'Access Denied: Project shop: User does not have bigquery.jobs.create permission in project shop.',
    ),
  );
  expect(job.remedy).toContain(
    'gcloud projects add-iam-policy-binding shop --member=serviceAccount:loader@shop.iam.gserviceaccount.com --role=roles/bigquery.jobUser',
  );
  const dataset = told(
    answer(403, 'accessDenied', 'Access Denied: Permission bigquery.datasets.create denied.'),
  );
  expect(dataset.remedy).toContain('--role=roles/bigquery.user');
});

test.each([
  [answer(404, 'notFound', 'Not found: Dataset shop:raw'), 'config_error'],
  [answer(401, 'authError', 'Invalid Credentials'), 'config_error'],
  [answer(403, 'billingNotEnabled', 'Billing has not been enabled'), 'config_error'],
  [answer(403, 'rateLimitExceeded', 'Exceeded rate limits'), 'transient_error'],
  [answer(403, 'quotaExceeded', 'Quota exceeded'), 'transient_error'],
  [answer(503, 'backendError', 'Error encountered during execution'), 'transient_error'],
  [answer(429, '', 'Too many requests'), 'transient_error'],
  [failedJob({ reason: 'stopped', message: 'Job execution was cancelled' }), 'transient_error'],
  [failedJob({ reason: 'invalid', message: 'Session abc has expired' }), 'transient_error'],
  [failedJob({ reason: 'invalidQuery', message: 'Syntax error' }), 'system_error'],
  [asServiceError(Object.assign(new Error('reset'), { code: 'ECONNRESET' })), 'transient_error'],
  [asServiceError(Object.assign(new Error('none'), { code: 'ENOTFOUND' })), 'config_error'],
  [
    asServiceError(
      Object.assign(new Error('grant'), {
        response: { status: 400, data: { error: 'invalid_grant' } },
      }),
    ),
    'config_error',
  ],
])('%p is a %s, with a remedy', (error, kind) => {
  const { kind: found, remedy } = told(error);
  expect([found, remedy.length > 0]).toEqual([kind, true]);
});

test('what the service says stays in the cause: it may hold values', () => {
  const error = asBigQueryError(
    failedJob({ reason: 'invalidQuery', message: 'Could not cast "Mary Miller" to type INT64' }),
    config,
  );
  expect(JSON.stringify(told(error))).not.toContain('Mary');
  expect(JSON.stringify(told(error))).not.toContain('no key');
});

test.each([
  'Transaction is aborted due to concurrent update against table shop:raw.orders. Transaction ID: abc',
  'Could not serialize access to table shop:raw.orders due to concurrent update',
])('%s is a conflict', (message) => {
  expect(isConflict(failedJob({ reason: 'invalidQuery', message }))).toBe(true);
  expect(isConflict(failedJob({ reason: 'invalidQuery', message: 'Syntax error' }))).toBe(false);
});

test('a private key that is none is a config error that does not hold it', async () => {
  const error = await failure(bigqueryDestination.check(config, never));
  expect([error.kind, error.message]).toEqual([
    'config_error',
    'The private key in the credentials cannot be read.',
  ]);
  expect(JSON.stringify(told(error))).not.toContain('no key at all');
});
