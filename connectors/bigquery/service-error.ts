/** What went wrong at BigQuery, or on the way: its `reason` (cloud.google.com/bigquery/docs/error-messages), or the code of the network's error. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly from: 'job' | 'answer' | 'network';
  readonly reason: string;
  /** Of an answer's HTTP. */
  readonly status: number | null;

  /** `message`: the service's own; it may hold values of records. */
  constructor(
    from: 'job' | 'answer' | 'network',
    told: { readonly reason: string; readonly message: string; readonly status?: number },
    cause?: unknown,
  ) {
    super(told.message, cause === undefined ? undefined : { cause });
    this.from = from;
    this.reason = told.reason;
    this.status = told.status ?? null;
  }
}

interface Answered {
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
  const { response } = error as Answered;
  if (response === undefined) {
    const reason = codeOf(error);
    if (reason === undefined) return error;
    return new ServiceError('network', { reason, message: 'The network failed.' }, error);
  }
  const { status, data } = response;
  const told = data?.error;
  // The service of tokens names its errors by a text alone.
  if (typeof told === 'string')
    return new ServiceError('answer', { reason: told, message: told, status }, error);
  const { reason = '', message = told?.message ?? '' } = told?.errors?.[0] ?? {};
  return new ServiceError('answer', { reason, message, status }, error);
}

/** ECONNRESET and the like, and fetch's own; not those of a key that cannot be read. */
const ofNetwork = /^(E[A-Z]+|UND_ERR_\w+|\w*CERT\w*)$/;

/** Of the network's error, which lies beneath what the driver makes of it; undefined: it is none. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown };
  return codeOf(cause) ?? (typeof code === 'string' && ofNetwork.test(code) ? code : undefined);
}

/** A job that ended with an error. */
export const failedJob = ({ reason = '', message = '' }: Told): ServiceError =>
  new ServiceError('job', { reason, message });

const putOff = new Set([
  ...['rateLimitExceeded', 'jobRateLimitExceeded', 'backendError', 'internalError'],
  ...['jobBackendError', 'jobInternalError'],
]);

/** The same request may succeed soon. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof ServiceError)) return false;
  const { from, reason, status } = error;
  if (from === 'network') return reason !== 'ENOTFOUND';
  return putOff.has(reason) || status === 408 || status === 429 || (status ?? 0) >= 500;
}

/** A job that failed, and so has done nothing, for a passing reason: one of another name may follow. */
export const isFailedInPassing = (error: unknown): boolean =>
  error instanceof ServiceError && error.from === 'job' && isPassing(error);

const tooOften = new Set(['rateLimitExceeded', 'jobRateLimitExceeded']);

/** A job that was not begun, since its table was changed too often of late: /bigquery/quotas#standard_tables, #data-manipulation-language-statements */
export const isTooOften = (error: unknown): boolean =>
  error instanceof ServiceError && error.from === 'job' && tooOften.has(error.reason);

/**
 * Two transactions that change one table, or a statement and a transaction: cloud.google.com/bigquery/docs/transactions#transaction_concurrency,
 * /docs/reference/standard-sql/data-manipulation-language#dml_statement_conflicts
 */
export const isConflict = (error: unknown): boolean =>
  error instanceof ServiceError && /due to concurrent update/i.test(error.message);
