import { SyncError, type Message } from '../../protocol/index.ts';
import { createScanner, type Scanner } from '../../engine/scan/scanner.ts';
import { findIn } from './found.ts';
import { keepLastUpdates } from './last-updates.ts';
import { cleanLog, cleanTrace, logLine } from './log-text.ts';
import type { PrivateDirectory } from './private-directory.ts';
import { startSession, type Session, type SessionOptions } from './session.ts';
import { createVerdict } from './verdict.ts';

type Answer = Extract<Message, { type: 'SPEC' | 'CONNECTION_STATUS' | 'CATALOG' }>;

interface Question<T extends Answer['type']> {
  /** The verb of the command line, and what to write and name for it. */
  readonly verb: 'spec' | 'check' | 'discover';
  argumentsFrom(directory: PrivateDirectory): readonly string[];
  /** The type of the message that answers. The last one counts. */
  readonly answer: T;
  readonly msMax: number;
  readonly signal: AbortSignal;
}

/**
 * Runs a connector for one answer. Messages before it (log lines, telemetry) are logged. A failed run is a SyncError with what the connector
 * said of itself: its TRACE, else its last words on stderr. An answer counts only if it then exited well.
 */
export async function ask<T extends Answer['type']>(
  options: SessionOptions,
  question: Question<T>,
): Promise<Extract<Answer, { type: T }>> {
  const { verb, msMax, signal } = question;
  if (signal.aborted) throw aborted(options.label);
  const session = startSession(options, (directory) => [
    verb,
    ...question.argumentsFrom(directory),
  ]);
  const timer = setTimeout(() => session.stop(tooSlow(verb, msMax, options)), msMax);
  const onAbort = (): void => session.stop(aborted(options.label));
  signal.addEventListener('abort', onAbort, { once: true });
  const scanner = createScanner({ isDestination: options.end === 'destination' });
  try {
    return await listen({ session, scanner }, options, question);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    await keepLastUpdates(session, scanner, options);
    await session.close();
  }
}

async function listen<T extends Answer['type']>(
  { session, scanner }: { readonly session: Session; readonly scanner: Scanner },
  options: SessionOptions,
  question: Question<T>,
): Promise<Extract<Answer, { type: T }>> {
  const { redact } = options;
  const verdict = createVerdict(options);
  let answer: Extract<Answer, { type: T }> | null = null;
  const hear = (message: Message): void => {
    if (message.type === question.answer) answer = message as Extract<Answer, { type: T }>;
    if (message.type === 'LOG') options.log(logLine(cleanLog(message, redact)) ?? '');
    if (message.type !== 'TRACE') return;
    verdict.trace(message);
    const line = logLine(cleanTrace(message, redact));
    if (line !== null) options.log(line);
  };
  for (;;) {
    const chunk = await session.output.next();
    const letGo = chunk?.hold();
    const scanned = chunk === null ? scanner.end() : scanner.scan(chunk.bytes);
    const { items, failure } = await findIn(scanned, options.updates);
    for (const item of items) {
      if (item.type === 'MESSAGE') hear(item.message);
      else if (item.type === 'TEXT') options.log(redact(item.text));
    }
    letGo?.();
    if (failure !== null) throw failure.error;
    if (chunk === null) break;
  }
  const { exit, stayed } = await session.finish();
  const failure = stayed ? null : verdict.failureOf(exit);
  if (failure !== null) throw withLastWords(failure, session);
  if (answer !== null) return answer;
  throw withLastWords(
    new SyncError('system_error', `The connector gave no answer to ${question.verb}.`, {
      origin: options.end,
      place: options.label,
      remedy: 'See that its command speaks the Airbyte protocol.',
    }),
    session,
  );
}

/** What people need to understand it where no log is at hand. */
function withLastWords(failure: SyncError, session: Session): SyncError {
  const words = session.lastWords();
  if (words === '') return failure;
  const { kind, message, remedy, ...options } = failure.toFailure();
  return new SyncError(kind, message, {
    ...options,
    remedy: `${remedy ?? ''} Its last words on stderr: ${words}`.trim(),
  });
}

function aborted(label: string): SyncError {
  return new SyncError('transient_error', 'The connector was stopped on request.', {
    origin: 'tidemark',
    code: 'aborted',
    place: label,
  });
}

function tooSlow(verb: string, msMax: number, { label, end }: SessionOptions): SyncError {
  return new SyncError('transient_error', 'The connector took too long to answer.', {
    origin: end,
    place: label,
    remedy: `See whether what it ${end === 'source' ? 'reads from' : 'writes to'} can be reached; its log says what it did.`,
    facts: { verb, msMax },
  });
}
