import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import {
  describeFailure,
  type Counts,
  type Json,
  type JsonObject,
  type SyncError,
  type SyncFailure,
} from '../protocol/index.ts';
import { refusals, type AttemptCount } from '../workflows/messages.ts';

// Above about 4 KB the server replaces a failure and its type is gone; a failure holds its text twice, so these sum up to less than 3 KB.
const messageBytesMax = 400;
const placeBytesMax = 300;
const remedyBytesMax = 300;
const factsBytesMax = 250;
const streamBytesMax = 150;

function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= bytesMax) return text;
  const kept = bytes.subarray(0, bytesMax - 3).toString('utf8');
  return `${kept.replace(/\uFFFD+$/, '')}…`;
}

/** A failure that may leave the process: secrets masked, small enough for Temporal. */
export function outgoing(error: SyncError, redact: (text: string) => string): SyncFailure {
  const failure = error.toFailure();
  const short = (text: string, bytesMax: number): string => cut(redact(text), bytesMax);
  const { message, place, remedy, stream, facts, ...rest } = failure;
  return {
    ...rest,
    message: short(message, messageBytesMax),
    ...(place !== undefined && { place: short(place, placeBytesMax) }),
    ...(remedy !== undefined && { remedy: short(remedy, remedyBytesMax) }),
    ...(stream !== undefined && { stream: short(stream, streamBytesMax) }),
    ...(facts !== undefined && smallFacts(masked(facts, redact) as JsonObject)),
  };
}

function masked(value: Json, redact: (text: string) => string): Json {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return (value as readonly Json[]).map((one) => masked(one, redact));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries.map(([key, one]) => [key, masked(one as Json, redact)]));
}

function smallFacts(facts: JsonObject): { facts?: JsonObject } {
  return Buffer.byteLength(JSON.stringify(facts)) <= factsBytesMax ? { facts } : {};
}

export interface FailureOptions {
  /** Number of the attempt that failed. */
  readonly attempt: number;
  /** No further attempt, whatever the kind. */
  readonly final?: boolean;
  /** Attempts without a new checkpoint, when they are why it is final. */
  readonly spent?: number;
  readonly retryDelayMs?: number;
}

/** The one place where failures become Temporal's. `type` is the kind; the first detail is the SyncFailure. */
export function applicationFailure(
  failure: SyncFailure,
  { attempt, final = false, spent, retryDelayMs }: FailureOptions,
): ApplicationFailure {
  const told = describeFailure(failure);
  const count: AttemptCount = { attempt };
  const made = ApplicationFailure.create({
    message:
      spent === undefined ? told : `Gave up after ${spent} attempts without a checkpoint: ${told}`,
    type: spent === undefined ? failure.kind : refusals.budgetSpent,
    nonRetryable: final || spent !== undefined || failure.kind === 'config_error',
    details: [failure, count],
    // Never 0: the server takes that for "no retry".
    ...(retryDelayMs !== undefined && { nextRetryDelay: Math.max(1, Math.round(retryDelayMs)) }),
  });
  return withoutStack(made);
}

/** The attempt ended because its worker does: the next one starts elsewhere at once, and nobody needs to worry. */
export function interrupted(committed: Counts): ApplicationFailure {
  const made = ApplicationFailure.create({
    message: 'The worker is shutting down; the sync goes on from its last checkpoint.',
    type: 'Interrupted',
    details: [committed],
    nextRetryDelay: '1ms',
    category: ApplicationFailureCategory.BENIGN,
  });
  return withoutStack(made);
}

/** Stacks of ours take space that the server does not grant; defects are logged with theirs. */
function withoutStack(failure: ApplicationFailure): ApplicationFailure {
  failure.stack = '';
  return failure;
}
