/** What went wrong at BigQuery, or on the way: its `reason` (cloud.google.com/bigquery/docs/error-messages), or the code of the network's error. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  /** Of HTTP; null: there was no answer, or it is a job that failed. */
  readonly status: number | null;
  readonly reason: string;

  /** `message`: the service's own; it may hold values of records. */
  constructor(reason: string, message: string, status: number | null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.status = status;
  }
}

interface Answered {
  readonly code?: unknown;
  readonly response?: {
    readonly status: number;
    readonly data?: {
      readonly error?: string | { readonly errors?: readonly Told[]; readonly message?: string };
    };
  };
}

interface Told {
  readonly reason?: string;
  readonly message?: string;
}

/** What the driver throws; errors of ours stay as they are. */
export function asServiceError(error: unknown): unknown {
  const { code, response } = error as Answered;
  if (response === undefined) {
    const isOfNetwork = typeof code === 'string' && error instanceof Error;
    return isOfNetwork ? new ServiceError(code, error.message, null, error) : error;
  }
  const { error: told } = response.data ?? {};
  // The service of tokens names its errors by a text alone.
  if (typeof told === 'string') return new ServiceError(told, told, response.status, error);
  const { reason, message = told?.message ?? '' } = told?.errors?.[0] ?? {};
  return new ServiceError(reason ?? '', message, response.status, error);
}

/** A job that ended with an error. */
export const failedJob = ({ reason = '', message = '' }: Told): ServiceError =>
  new ServiceError(reason, message, null);

const putOff = new Set([
  ...['rateLimitExceeded', 'jobRateLimitExceeded', 'backendError', 'internalError'],
]);

/** The same request may succeed soon. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof ServiceError)) return false;
  const { status, reason } = error;
  if (status === null) return reason !== 'ENOTFOUND';
  return status === 408 || status === 429 || status >= 500 || putOff.has(reason);
}

/**
 * Two transactions that change one table, or a statement and a transaction: cloud.google.com/bigquery/docs/transactions#transaction_concurrency,
 * /docs/reference/standard-sql/data-manipulation-language#dml_statement_conflicts
 */
export const isConflict = (error: unknown): boolean =>
  error instanceof ServiceError && /due to concurrent update/i.test(error.message);
