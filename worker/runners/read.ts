import {
  SyncError,
  asSyncError,
  stateText,
  wireCatalog,
  type ConfiguredCatalog,
  type End,
  type Item,
  type JsonObject,
  type LogMessage,
  type ReadInput,
  type StateMessage,
} from '../../protocol/index.ts';
import { memberOf, membersOf } from '../../engine/scan/json-skip.ts';
import { unreadablePrefix } from '../../engine/scan/line.ts';
import { createScanner, type ScanItem, type Scanner } from '../../engine/scan/scanner.ts';
import { createBlocks, type Blocks } from './blocks.ts';
import type { Chunk } from './chunks.ts';
import { findIn, type Found } from './found.ts';
import { keepLastUpdates } from './last-updates.ts';
import { cleanLog, cleanTrace, logLine } from './log-text.ts';
import type { PrivateDirectory } from './private-directory.ts';
import { startSession, type Session, type SessionOptions } from './session.ts';
import { createVerdict, type Verdict } from './verdict.ts';

const lifeEveryMs = 500;

interface Reading {
  readonly options: SessionOptions;
  readonly session: Session;
  readonly verdict: Verdict;
  readonly drain: AbortSignal;
  /** SIGTERM was sent while it ran. */
  drained: boolean;
}

/** Runs `read` and yields what it prints, in its order. See `Source.read` for what is promised. */
export async function* readSource(
  options: SessionOptions,
  input: ReadInput<JsonObject>,
): AsyncGenerator<Item, void, undefined> {
  const verdict = createVerdict(options);
  if (input.abort.aborted || input.drain.aborted) {
    const failure = input.abort.aborted ? aborted(options.label).toFailure() : null;
    yield { type: 'END', failure, drained: failure === null, statuses: {} };
    return;
  }
  let session: Session;
  try {
    session = startSession(options, (directory) => readArguments(directory, input));
  } catch (error) {
    const failure = asSyncError(error).toFailure();
    yield { type: 'END', failure, drained: false, statuses: {} };
    return;
  }
  const reading: Reading = { options, session, verdict, drain: input.drain, drained: false };
  const stopWatching = watch(reading, input);
  const scanner = createScanner();
  try {
    let end: End;
    try {
      // Loops, not `yield*`: delegation costs several microtasks an item.
      for (;;) {
        const chunk = await session.output.next();
        if (chunk === null) break;
        const letGo = chunk.hold();
        const found = await findIn(scanner.scan(chunk.bytes, chunk.room), options.updates);
        for (const item of itemsOf(found, reading, chunk)) yield item;
        letGo();
      }
      for await (const item of lastItems(scanner, reading)) yield item;
      end = await endOf(reading);
    } catch (error) {
      const failure = asSyncError(error, 'source');
      // It may not go on with a config that is not kept.
      session.stop(failure);
      end = endWith(reading, failure);
    }
    yield end;
  } finally {
    stopWatching();
    await keepLastUpdates(session, scanner, options);
    await session.close();
  }
}

/** Config, catalog and state as files. An empty state is no file: that is how a source knows to start from scratch. */
function readArguments(directory: PrivateDirectory, input: ReadInput<JsonObject>): string[] {
  const config = directory.file('config.json', JSON.stringify(input.config));
  const catalog = directory.file('catalog.json', catalogText(input.catalog));
  const args = ['read', '--config', config, '--catalog', catalog];
  if (input.state.length === 0) return args;
  return [...args, '--state', directory.file('state.json', stateFileText(input.state))];
}

function catalogText(catalog: ConfiguredCatalog): string {
  return JSON.stringify(wireCatalog(catalog));
}

/** An array of states; for LEGACY the bare blob. Never re-written: a state is a black box. */
export function stateFileText(states: readonly StateMessage[]): string {
  const [first] = states;
  const isLegacy = first !== undefined && (first.state.type ?? 'LEGACY') === 'LEGACY';
  if (!isLegacy) return `[${states.map((state) => stateText(state)).join(',')}]`;
  const bytes = Buffer.from(stateText(first));
  const data = memberOf(membersOf(bytes, bytes.indexOf('{')), 'data');
  return data === undefined ? 'null' : bytes.toString('utf8', data.start, data.end);
}

/** Follows the signals, and passes signs of life on. Returns how to stop that. */
function watch(reading: Reading, { drain, abort, lives }: ReadInput<JsonObject>): () => void {
  const { session, options } = reading;
  const onAbort = (): void => session.stop(aborted(options.label));
  // Invariant 8: what it printed before it dies is still read to the end.
  const onDrain = (): void => {
    if (session.hasExited) return;
    reading.drained = true;
    session.terminate();
  };
  abort.addEventListener('abort', onAbort, { once: true });
  drain.addEventListener('abort', onDrain, { once: true });
  let { livedAt } = session.output;
  // What it says on stderr, and text among its messages, never enters the pipe.
  const timer = setInterval(() => {
    if (session.output.livedAt > livedAt) lives?.();
    livedAt = session.output.livedAt;
  }, lifeEveryMs);
  return () => {
    clearInterval(timer);
    abort.removeEventListener('abort', onAbort);
    drain.removeEventListener('abort', onDrain);
  };
}

/** What a killed program left of its last line is no record and no failure of its own: how it exited says enough. */
async function* lastItems(scanner: Scanner, reading: Reading): AsyncGenerator<Item> {
  try {
    yield* itemsOf(await findIn(scanner.end(), reading.options.updates), reading, null);
  } catch (error) {
    const { exit, stayed } = await reading.session.finish();
    if (exit.code === 0 && !stayed && !reading.drained) throw error;
    reading.options.log('Its last line was cut short and is dropped.');
  }
}

/** Yields also what was found before the scanner fails: a state among it may still become a checkpoint. */
function* itemsOf(
  { items, failure }: Found,
  reading: Reading,
  chunk: Chunk | null,
): Generator<Item, void, undefined> {
  const blocks = createBlocks(chunk);
  for (const item of items) yield* itemOf(item, blocks, reading);
  yield* blocks.take();
  if (failure !== null) throw failure.error;
}

function* itemOf(
  item: ScanItem,
  blocks: Blocks,
  { options, verdict }: Reading,
): Generator<Item, void, undefined> {
  const { redact } = options;
  if (item.type === 'RUN') return blocks.add(item);
  if (item.type === 'TEXT') {
    const text = redact(item.text);
    options.log(text);
    // A message that got lost is told on the pipe too.
    if (text.startsWith(unreadablePrefix)) yield warning(text);
    return;
  }
  const { message } = item;
  switch (message.type) {
    case 'LOG': {
      // Speaks of no record: blocks may grow past it.
      const clean = cleanLog(message, redact);
      options.log(logLine(clean) ?? '');
      yield clean;
      return;
    }
    case 'TRACE': {
      verdict.trace(message);
      const clean = cleanTrace(message, redact);
      const line = logLine(clean);
      if (line !== null) options.log(line);
      yield* blocks.take();
      yield clean;
      return;
    }
    case 'STATE':
      yield* blocks.take();
      yield message;
      return;
    case 'CONTROL':
      // Kept before anything of its chunk was passed on.
      return;
    case 'SPEC':
    case 'CATALOG':
    case 'CONNECTION_STATUS':
    case 'DESTINATION_CATALOG':
      options.log(`A ${message.type} message has no place in read; it is ignored.`);
  }
}

async function endOf(reading: Reading): Promise<End> {
  const { session, options, verdict } = reading;
  const { exit, stayed } = await session.finish();
  if (reading.drained) return endWith(reading, null);
  if (stayed) return endWith(reading, neverExited(options.label));
  const failure = verdict.failureOf(exit);
  if (failure !== null)
    options.log(
      `It exited with code ${exit.code}${exit.signal === null ? '' : ` (${exit.signal})`}.`,
    );
  return endWith(reading, failure);
}

function endWith({ verdict, drained }: Reading, failure: SyncError | null): End {
  return {
    type: 'END',
    failure: failure?.toFailure() ?? null,
    drained,
    statuses: verdict.statuses(),
    streamFailures: verdict.streamFailures(),
  };
}

function warning(message: string): LogMessage {
  return { type: 'LOG', log: { level: 'WARN', message } };
}

function aborted(label: string): SyncError {
  return new SyncError('transient_error', 'The source was stopped on request.', {
    origin: 'tidemark',
    code: 'aborted',
    place: label,
  });
}

function neverExited(label: string): SyncError {
  return new SyncError('transient_error', 'The source ended its output but did not exit.', {
    origin: 'source',
    place: label,
    remedy: 'Report it to the connector, with its log.',
  });
}
