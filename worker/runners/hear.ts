import {
  globalScope,
  SyncError,
  type StateMessage,
  type TraceMessage,
} from '../../protocol/index.ts';
import { compareEcho, destinationCount } from '../../engine/echoes.ts';
import { createScanner, type ScanItem } from '../../engine/scan/scanner.ts';
import { findIn } from './found.ts';
import { keepLastUpdates } from './last-updates.ts';
import { cleanLog, cleanTrace, logLine } from './log-text.ts';
import { echoOf, fail, type Writing } from './writing.ts';

/** Of an echo that nobody waits for. */
const shownCharsMax = 200;

/**
 * Hears a destination to the end of its output, whatever its input does, and makes checkpoints of what it echoes. Never rejects: what it finds
 * wrong is the failure of the writing, and ends the destination at once.
 */
export async function hearOutput(writing: Writing): Promise<void> {
  const { session, options } = writing;
  const scanner = createScanner({ isDestination: true });
  try {
    for (;;) {
      const chunk = await session.output.next();
      const letGo = chunk?.hold();
      const scanned = chunk === null ? scanner.end() : scanner.scan(chunk.bytes);
      const { items, failure } = await findIn(scanned, options.updates);
      for (const item of items) hear(writing, item);
      letGo?.();
      if (failure !== null) throw failure.error;
      if (chunk === null) return;
    }
  } catch (error) {
    fail(writing, destinations(error));
    await keepLastUpdates(session, scanner, options);
  }
}

/** The scanner speaks of sources. */
function destinations(error: unknown): unknown {
  if (!(error instanceof SyncError) || error.origin !== 'source') return error;
  const { kind, message, ...options } = error.toFailure();
  return new SyncError(kind, message, { ...options, origin: 'destination' });
}

function hear(writing: Writing, item: ScanItem): void {
  const { log, redact } = writing.options;
  if (item.type === 'TEXT') return log(redact(item.text));
  if (item.type === 'RUN') return log(`It printed ${item.records} records; they are ignored.`);
  const { message } = item;
  switch (message.type) {
    case 'STATE':
      return hearState(writing, message);
    case 'LOG':
      return log(logLine(cleanLog(message, redact)) ?? '');
    case 'TRACE':
      return hearTrace(writing, message);
    case 'CONTROL':
      // Kept before anything of its chunk was heard.
      return;
    case 'SPEC':
    case 'CATALOG':
    case 'CONNECTION_STATUS':
    case 'DESTINATION_CATALOG':
      return log(`A ${message.type} message has no place in write; it is ignored.`);
  }
}

function hearTrace({ options, verdict, over }: Writing, message: TraceMessage): void {
  verdict.trace(message);
  const line = logLine(cleanTrace(message, options.redact));
  if (line !== null) options.log(line);
  // It has failed: what it is given from now on would be lost. What it still echoes counts.
  if (message.trace.error !== undefined) over.abort();
}

function hearState(writing: Writing, { state }: StateMessage): void {
  const { landed, echoes, made, latch, options } = writing;
  const scope = landed.scopeOf(state);
  const answer = scope === null ? null : echoes.echo(scope, state);
  if (answer === null || answer.type === 'unknown') {
    const text = options.redact(JSON.stringify(state)).slice(0, shownCharsMax);
    return options.log(`WARN It echoed a state that it was not sent; it covers nothing: ${text}`);
  }
  if (answer.type === 'old') return;
  compareEcho(state, answer.states);
  const rejected = destinationCount(state)?.rejected ?? 0;
  if (rejected > 0) {
    options.log(`WARN It turned away ${rejected} records of ${scope}: they are not there.`);
    writing.rejected.set(scope!, (writing.rejected.get(scope!) ?? 0) + rejected);
  }
  const covered = answer.states.findLast((one) => one.covered !== null)?.covered ?? null;
  if (covered === null) return;
  // Where data is replaced, what is durable is out of sight, and gone with this attempt, until its stream is complete.
  const isHeld = landed.holds(covered.message!.state);
  if (!isHeld) made.push(echoOf(writing, covered));
  if (covered.scope === globalScope) writing.heldBack = isHeld ? covered : null;
  latch.wake();
}
