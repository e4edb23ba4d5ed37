import {
  SyncError,
  rateLimitOf,
  streamId,
  type FailureKind,
  type JsonObject,
  type StreamId,
  type StreamStatus,
  type SyncFailure,
  type TraceMessage,
} from '../../protocol/index.ts';
import type { Exit } from './watched-process.ts';

type TraceError = NonNullable<TraceMessage['trace']['error']>;

/** What a connector says of itself while it runs, and what follows from it once it has ended. */
export interface Verdict {
  trace(message: TraceMessage): void;
  /** Each stream's last STREAM_STATUS. */
  statuses(): Readonly<Record<StreamId, StreamStatus>>;
  /** The first failure that it told of each stream. */
  streamFailures(): Readonly<Record<StreamId, SyncFailure>>;
  /** The failure behind an exit; null when it ended well. */
  failureOf(exit: Exit): SyncError | null;
  /** The failure that it told, however it exits; null: it told none. */
  told(): SyncError | null;
}

export interface VerdictOptions {
  /** The connector's name, for people. */
  readonly label: string;
  readonly end: 'source' | 'destination';
  readonly redact: (text: string) => string;
  readonly exits?: ExitMeanings;
}

/** What an exit code means, by the code, where what runs the connector gives it a meaning. */
export type ExitMeanings = Readonly<
  Record<number, { readonly message: string; readonly remedy: string }>
>;

/** A connector's own words in a failure are cut to this: failures travel through Temporal. */
const messageLengthMax = 1000;

export function createVerdict({ label, end, redact, exits = {} }: VerdictOptions): Verdict {
  const statuses = new Map<StreamId, StreamStatus>();
  const failures = new Map<StreamId, SyncFailure>();
  let first: { readonly error: TraceError; readonly at: number } | null = null;
  let quotaReset = 0;

  const isBetter = (error: TraceError, at: number): boolean => {
    if (first === null) return true;
    const known = first.error.failure_type !== undefined;
    const knows = error.failure_type !== undefined;
    return known === knows ? at < first.at : knows;
  };

  function failed(error: TraceError, exit: JsonObject): SyncError {
    const kind: FailureKind = error.failure_type ?? 'system_error';
    const stream = error.stream_descriptor;
    // A source that gave up on a rate limit is not asked again before its quota is back.
    const isLimited = kind !== 'config_error' && quotaReset > Date.now();
    return new SyncError(kind, redact(error.message).slice(0, messageLengthMax), {
      origin: end,
      place: label,
      remedy:
        kind === 'config_error'
          ? `Correct the ${end}'s config or its permissions; its log says more.`
          : 'Read its log for the whole story.',
      ...(isLimited && { code: 'rate_limited' }),
      ...(stream && { stream: streamId(stream) }),
      facts: { ...exit, ...(isLimited && { quotaReset }) },
    });
  }

  return {
    trace({ trace }) {
      if (trace.error !== undefined && isBetter(trace.error, trace.emitted_at))
        first = { error: trace.error, at: trace.emitted_at };
      const stream = trace.error?.stream_descriptor;
      if (stream && !failures.has(streamId(stream)))
        failures.set(streamId(stream), failed(trace.error!, {}).toFailure());
      const status = trace.stream_status;
      if (status === undefined) return;
      statuses.set(streamId(status.stream_descriptor), status.status);
      quotaReset = Math.max(quotaReset, rateLimitOf(status)?.resetMs ?? 0);
    },
    statuses: () => Object.fromEntries(statuses) as Record<StreamId, StreamStatus>,
    streamFailures: () => Object.fromEntries(failures) as Record<StreamId, SyncFailure>,
    failureOf(exit) {
      if (exit.code === 0) return null;
      if (first === null) return exitFailure(exit, { label, end, exits });
      return failed(first.error, { exitCode: exit.code, signal: exit.signal });
    },
    told: () => (first === null ? null : failed(first.error, {})),
  };
}

function exitFailure(
  { code, signal }: Exit,
  { label, end, exits }: Required<Omit<VerdictOptions, 'redact'>>,
): SyncError {
  const message =
    signal === null ? `The ${end} exited with code ${code}.` : `The ${end} died of ${signal}.`;
  const meaning = exits[code];
  return new SyncError('system_error', meaning?.message ?? message, {
    origin: end,
    place: label,
    remedy: meaning?.remedy ?? remedyFor(code),
    facts: { exitCode: code, signal },
  });
}

function remedyFor(code: number): string {
  switch (code) {
    case 126:
      return 'Make its command executable; its log says more.';
    case 127:
      return 'Install its command, or correct it in connectors.yaml; its log says more.';
    case 137:
      return 'Somebody killed it, most often the system for want of memory: give its host or container more.';
    default:
      return 'Read its log, where its last words on stderr are.';
  }
}
