import { isObject, type Json, type JsonObject } from './json.ts';

/** What to do about a failure. `config_error`: stop, a person must act. `transient_error`: retry. `system_error`: a defect, retried a few times. */
export type FailureKind = 'config_error' | 'transient_error' | 'system_error';

/** Whose failure it is. */
export type FailureOrigin = 'source' | 'destination' | 'tidemark';

/**
 * Failures that code branches on (never on message text).
 * `fenced`: a newer writer owns the connection. `raise`: the destination knows a higher syncNo than Temporal (facts.syncNo).
 * `too_few_rows`: a stream's new data is smaller than the policy lets it be. `paused`: a person paused the connection. `aborted`: the abort signal ended the work. `rate_limited`: wait until facts.quotaReset (epoch ms).
 */
export type FailureCode =
  | 'fenced'
  | 'raise'
  | 'aborted'
  | 'rate_limited'
  | 'counts_disagree'
  | 'budget_spent'
  | 'busy'
  | 'paused'
  | 'too_few_rows';

export interface SyncErrorOptions {
  readonly origin: FailureOrigin;
  readonly code?: FailureCode;
  /** Where: a file with line, a stream, a column, a process id, a host. */
  readonly place?: string;
  /** What the operator does next, as an imperative sentence. */
  readonly remedy?: string;
  readonly stream?: string;
  /** Facts for machines; never secrets or record contents. */
  readonly facts?: JsonObject;
  readonly cause?: unknown;
}

/** A failure as plain JSON: what crosses process and Temporal borders. */
export interface SyncFailure {
  readonly kind: FailureKind;
  readonly origin: FailureOrigin;
  readonly message: string;
  readonly code?: FailureCode;
  readonly place?: string;
  readonly remedy?: string;
  readonly stream?: string;
  readonly facts?: JsonObject;
}

/** The one error class of the project. Message: a constant sentence; facts go into the options. */
export class SyncError extends Error {
  override readonly name = 'SyncError';
  readonly kind: FailureKind;
  readonly origin: FailureOrigin;
  readonly code: FailureCode | undefined;
  readonly place: string | undefined;
  readonly remedy: string | undefined;
  readonly stream: string | undefined;
  readonly facts: JsonObject | undefined;

  constructor(kind: FailureKind, message: string, options: SyncErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.origin = options.origin;
    this.code = options.code;
    this.place = options.place;
    this.remedy = options.remedy;
    this.stream = options.stream;
    this.facts = options.facts;
  }

  toFailure(): SyncFailure {
    return {
      kind: this.kind,
      origin: this.origin,
      message: this.message,
      ...(this.code !== undefined && { code: this.code }),
      ...(this.place !== undefined && { place: this.place }),
      ...(this.remedy !== undefined && { remedy: this.remedy }),
      ...(this.stream !== undefined && { stream: this.stream }),
      ...(this.facts !== undefined && { facts: this.facts }),
    };
  }
}

export function fromFailure(failure: SyncFailure): SyncError {
  const { kind, message, ...options } = failure;
  return new SyncError(kind, message, options);
}

/** Any thrown value as a SyncError; what is not one already is a defect of `origin`. */
export function asSyncError(error: unknown, origin: FailureOrigin = 'tidemark'): SyncError {
  if (error instanceof SyncError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SyncError('system_error', message, { origin, cause: error });
}

/** One line for people: "destination config_error: message (place). Remedy." */
export function describeFailure(failure: SyncFailure): string {
  const place = failure.place ?? failure.stream;
  return [
    `${failure.origin} ${failure.kind}: ${failure.message}${place === undefined ? '' : ` (${place})`}`,
    ...(failure.remedy === undefined ? [] : [failure.remedy]),
  ].join(' ');
}

const kinds: readonly Json[] = ['config_error', 'transient_error', 'system_error'];

/** True for a value that `toFailure` made, also after it crossed a wire. */
export function isSyncFailure(value: unknown): value is SyncFailure {
  return (
    isObject(value) && kinds.includes(value['kind'] ?? null) && typeof value['message'] === 'string'
  );
}

/** A batch's records of one stream, as the destination was given them and as it counts them. */
export interface BatchCount {
  readonly stream: string;
  readonly given: number;
  readonly loaded: number;
  /** Whether the batch is durable by now. */
  readonly committed: boolean;
}

/** Invariant 6: the destination's own count is ours. */
export function checkCount({ stream, given, loaded, committed }: BatchCount): void {
  if (given === loaded) return;
  throw new SyncError('system_error', 'The destination counts other records than it was given.', {
    origin: 'destination',
    code: 'counts_disagree',
    stream,
    place: `stream ${stream}: given ${given}, counted ${loaded}`,
    remedy: committed
      ? 'The batch is committed all the same: compare the table with the source, and report it.'
      : 'Nothing of this batch was committed. Retry; if it happens again, report it.',
    facts: { given, loaded },
  });
}
