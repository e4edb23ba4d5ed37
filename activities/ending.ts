import { CancelledFailure } from '@temporalio/common';
import { asSyncError, SyncError, type SyncFailure, type WriteOutcome } from '../protocol/index.ts';
import { refusals } from '../workflows/messages.ts';
import type { Attempt } from './attempt.ts';
import { refusalOf } from './connection-client.ts';
import { applicationFailure, interrupted, outgoing } from './failure.ts';
import { logRefusal } from './refusal.ts';
import { retryPauseMs } from './retry-pause.ts';
import { tellSync } from './tell-sync.ts';

/** With one worker nobody is left to answer while it shuts down. */
const shutdownCommitMsMax = 2_000;
const lastCommitMsMax = 10_000;

/** Turns what ended an attempt early into what Temporal is to do next: throws it, or answers `raise`. */
export async function endOf(attempt: Attempt, thrown: unknown): Promise<WriteOutcome> {
  const { stop } = attempt;
  // Before all else: what Temporal has given up is told nothing more.
  if (thrown instanceof SyncError && !isReason(attempt, thrown)) logRefusal(attempt, thrown);
  switch (stop.reason?.type) {
    case 'gone':
      // The server has given this attempt up and takes nothing more from it.
      throw cancelled();
    case 'cancelled':
    case 'paused':
      await lastWords(attempt, lastCommitMsMax);
      // The SDK turns a pause and a reset into retryable failures.
      throw cancelled();
    case 'shutdown':
      attempt.interrupted = true;
      await lastWords(attempt, shutdownCommitMsMax);
      throw interrupted(attempt.meter?.committed ?? { records: 0, bytes: 0 });
    case 'failed':
    case 'segment':
    case undefined:
      return await fail(attempt, causeOf(attempt, thrown));
  }
}

/** Whoever ended the attempt has told it. */
function isReason({ stop: { reason } }: Attempt, thrown: SyncError): boolean {
  return reason?.type === 'failed' && reason.error === thrown;
}

function cancelled(): CancelledFailure {
  return new CancelledFailure('Stopped at the last checkpoint.');
}

/** When we ended the attempt ourselves, that is why, and not how the pieces then fell. */
function causeOf({ stop }: Attempt, thrown: unknown): SyncError {
  return stop.reason?.type === 'failed' ? stop.reason.error : asSyncError(thrown);
}

/** The last checkpoints, and when it is tried again, by every road there is. */
async function lastWords(attempt: Attempt, commitMsMax: number): Promise<void> {
  const { committer, forwarder, context } = attempt;
  attempt.phase = 'draining';
  attempt.heart.beat();
  if (committer !== null && forwarder !== null) {
    // Also where there is no new checkpoint: which streams are done decides the sync's outcome.
    forwarder.touch();
    const finished = forwarder.finish();
    try {
      await committer.flush(commitMsMax);
      await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, commitMsMax))]);
    } catch (error) {
      // The heartbeat holds them, and the next attempt reads it.
      context.log.warn('The last checkpoints were not acknowledged.', {
        reason: asSyncError(error).message,
      });
    }
  } else if (attempt.next !== null) {
    // The heartbeat holds it too.
    await tellSync(attempt).catch(() => undefined);
  }
  attempt.heart.beat();
  // A cancelled activity does not wait for its last heartbeat: it must be on its way before the end is.
  await new Promise((resolve) => setImmediate(resolve));
}

async function fail(attempt: Attempt, error: SyncError): Promise<WriteOutcome> {
  const { code, facts } = error;
  const raised = facts?.['syncNo'];
  if (code === 'raise' && typeof raised === 'number') return { type: 'raise', syncNo: raised };
  const { connectors } = attempt.deps;
  const failure = outgoing(error, (text) => connectors.redact(text));
  log(attempt, error, failure);
  const number = attempt.context.info.attempt;
  const refusal = refusalOf(error);
  if (refusal === refusals.budgetSpent)
    throw applicationFailure(spentFailure(attempt, failure), {
      attempt: number,
      spent: spentOf(attempt, failure),
    });
  // On attach: a newer sync has the connection. On commit: a newer attempt of this one has it, and this failure reaches nobody.
  if (refusal === refusals.fenced && attempt.attached === null)
    throw applicationFailure(failure, { attempt: number, final: true });
  const spent = isSpent(attempt) && failure.kind !== 'config_error';
  const isFinal = failure.kind === 'config_error' || facts?.['overdue'] === true;
  const resetMs = quotaResetOf(attempt, error);
  const told = resetMs === null ? failure : limited(failure, resetMs);
  attempt.failure = told;
  if (!isFinal && !spent) {
    const at = new Date(Date.now() + pauseOf(attempt, resetMs)).toISOString();
    attempt.next = { at, failure: told };
  }
  await lastWords(attempt, lastCommitMsMax);
  throw applicationFailure(withCount(attempt, told), {
    attempt: number,
    retryDelayMs: pauseOf(attempt, resetMs),
    ...(isFinal && { final: true }),
    ...(spent && { spent: countOf(attempt) }),
  });
}

const countOf = ({ attached }: Attempt): number => attached?.attemptsWithoutProgress ?? 0;

/** This attempt was the last that the policy grants. The connection workflow would refuse the next one, but would not know why. */
function isSpent(attempt: Attempt): boolean {
  const { echoes, begun, attached } = attempt;
  const max = begun.spec.policy.attemptsWithoutProgressMax;
  return attached !== null && echoes === 0 && countOf(attempt) >= max;
}

function withCount(attempt: Attempt, failure: SyncFailure): SyncFailure {
  if (!isSpent(attempt)) return failure;
  return { ...failure, facts: { ...failure.facts, attemptsWithoutProgress: countOf(attempt) } };
}

/** What the attempts before failed with, if one of them could still say it. */
function spentFailure({ hint }: Attempt, refusal: SyncFailure): SyncFailure {
  if (hint?.failure === undefined) return refusal;
  return { ...hint.failure, facts: { ...hint.failure.facts, ...refusal.facts } };
}

function spentOf({ begun }: Attempt, { facts }: SyncFailure): number {
  const told = facts?.['attemptsWithoutProgress'];
  return typeof told === 'number' ? told : begun.spec.policy.attemptsWithoutProgressMax;
}

/** When a source that failed has its quota back, epoch ms; null: it has it, or said nothing of one. */
function quotaResetOf({ meter }: Attempt, { code, origin, facts }: SyncError): number | null {
  const told = facts?.['quotaReset'];
  const resetMs = typeof told === 'number' ? told : (meter?.limit?.resetMs ?? null);
  const isLimited = code === 'rate_limited' || origin === 'source';
  return isLimited && resetMs !== null && resetMs > Date.now() ? resetMs : null;
}

/** Whoever hears of the failure hears what is waited for. */
function limited(failure: SyncFailure, quotaReset: number): SyncFailure {
  return {
    ...failure,
    code: failure.code ?? 'rate_limited',
    facts: { ...failure.facts, quotaReset },
  };
}

function pauseOf({ echoes, attached, context }: Attempt, resetMs: number | null): number {
  const without = attached?.attemptsWithoutProgress ?? context.info.attempt;
  return retryPauseMs({ echoes, without, resetMs }, Date.now());
}

function log({ context, deps }: Attempt, error: SyncError, failure: SyncFailure): void {
  const isDefect = error.kind === 'system_error' && error.origin === 'tidemark';
  context.log.warn('Attempt failed.', {
    ...failure,
    ...(isDefect && {
      stack: deps.connectors.redact(
        String((error.cause as Error | undefined)?.stack ?? error.stack),
      ),
    }),
  });
}
