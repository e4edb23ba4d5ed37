import {
  idsOf,
  isReadInFull,
  replaces,
  streamId,
  SyncError,
  type Echo,
  type End,
  type Item,
  type JsonObject,
  type WriteInput,
  type Writer,
} from '../../protocol/index.ts';
import { createEchoes, type Echoes } from '../../engine/echoes.ts';
import { createLatch } from '../../engine/latch.ts';
import { finishedBy, proveSuccess } from '../../engine/outcome.ts';
import { Scopes } from '../../engine/scopes.ts';
import { createFeed } from './feed.ts';
import { feedItems } from './feed-items.ts';
import { hearOutput } from './hear.ts';
import { landCatalog, type Landed } from './landed.ts';
import type { PrivateDirectory } from './private-directory.ts';
import { startSession, type Session } from './session.ts';
import { createVerdict } from './verdict.ts';
import { echoOf, fail, type WriteOptions, type Writing } from './writing.ts';

/**
 * A destination that is another program: it takes blocks as they are and states on its stdin, and what it echoes on its stdout becomes a
 * checkpoint. It is fed and heard at the same time, so that neither end ever waits for the other. Refuses what it can't do before it starts.
 */
export function openProtocolWriter(options: WriteOptions, input: WriteInput<JsonObject>): Writer {
  const landed = landCatalog(input, options.spec, options.label);
  let session: Session | null = null;
  let writing: Writing | null = null;
  const begun = (one: Writing): void => {
    writing = one;
  };
  const start = (): Session => {
    session = startSession(
      options,
      (directory) => writeArguments(directory, input, landed),
      'pipe',
    );
    return session;
  };
  return {
    held: null,
    whole: landed.whole,
    get blockedMs() {
      return writing === null ? 0 : blockedMs(writing);
    },
    write: (items) => write({ options, input, landed, start, begun }, items),
    close: async () => session?.close(),
  };
}

interface Opened extends Pick<Writing, 'options' | 'input' | 'landed'> {
  readonly start: () => Session;
  readonly begun: (writing: Writing) => void;
}

function writeArguments(
  directory: PrivateDirectory,
  { config }: WriteInput<JsonObject>,
  { catalog }: Landed,
): string[] {
  return [
    'write',
    ...['--config', directory.file('config.json', JSON.stringify(config))],
    ...['--catalog', directory.file('catalog.json', JSON.stringify(catalog))],
  ];
}

async function* write(opened: Opened, items: AsyncIterable<Item>): AsyncGenerator<Echo> {
  const { input, options } = opened;
  input.abort.throwIfAborted();
  if (input.drain.aborted) return;
  // Invariant 3: some destinations empty a table as they start.
  await input.permit();
  const writing = begin(opened);
  opened.begun(writing);
  const { session, made, latch } = writing;
  const onAbort = (): void => session.stop(stopped(options.label));
  input.abort.addEventListener('abort', onAbort, { once: true });
  let isHeard = false;
  const heard = hearOutput(writing).finally(() => {
    isHeard = true;
    writing.over.abort();
    latch.wake();
  });
  const fed = feedItems(writing, items);
  try {
    while (!isHeard || made.length > 0) {
      for (let next = made.shift(); next !== undefined; next = made.shift()) yield next;
      if (!isHeard) await latch.wait();
    }
    await Promise.all([heard, fed]);
    yield* conclude(writing);
  } finally {
    input.abort.removeEventListener('abort', onAbort);
    writing.over.abort();
    session.stop(stopped(options.label));
    // What it printed is looked through for updates of its config.
    await heard;
    await session.close();
  }
}

function begin({ options, input, landed, start }: Opened): Writing {
  const { catalog, epoch, from } = input;
  const over = new AbortController();
  const session = start();
  const feed = createFeed(session.input!, {
    // The destination commits when it likes, so what may be committed is what it was given.
    permit: () => input.permit(),
    over: () => over.abort(),
    refused: (error) => fail(writing, error),
  });
  const writing: Writing = {
    ...{ options, input, landed, session, over },
    scopes: new Scopes({
      streams: new Set(catalog.streams.map(({ stream }) => streamId(stream))),
      readInFull: idsOf(catalog, isReadInFull),
      epoch,
      // Without a table beside the data, Temporal decides where this attempt starts.
      start: from,
    }),
    echoes: createEchoes(),
    verdict: createVerdict(options),
    feed,
    ...{
      rejected: new Map(),
      made: [],
      latch: createLatch(),
      heldBack: null,
      end: null,
      failure: null,
    },
  };
  return writing;
}

/** How long it has neither taken what it was given, nor ended after its input did, nor printed anything at all. */
function blockedMs({ session, feed }: Writing): number {
  if (feed.waitingSince === null) return 0;
  return Date.now() - Math.max(feed.waitingSince, session.output.livedAt);
}

/** Its output has ended: how it exited, which streams are complete, and what all that amounts to. */
async function* conclude(writing: Writing): AsyncGenerator<Echo> {
  const { session, verdict, options, input, end, echoes } = writing;
  if (writing.failure?.origin === 'destination' || writing.failure?.origin === 'tidemark')
    throw writing.failure;
  const { exit, stayed } = await session.finish();
  const failed = stayed ? stays(options.label) : (verdict.failureOf(exit) ?? verdict.told());
  if (failed !== null)
    options.log(
      `It exited with code ${exit.code}${exit.signal === null ? '' : ` (${exit.signal})`}.`,
    );
  if (failed === null && end !== null) for (const one of completions(writing, end)) yield one;
  if (writing.failure !== null) throw writing.failure;
  // Invariant 8: what it echoed is kept, whatever ended the reading.
  if (input.drain.aborted) return;
  if (end !== null) proveSuccess(end, input.catalog, uncovered(writing));
  if (failed !== null) throw failed;
  if (end === null) throw endedEarly(options.label);
  const unechoed = echoes.unechoed();
  if (unechoed.length > 0) throw notEchoed(unechoed, options.label);
}

/**
 * What a destination that exited well has made durable and visible: streams read in full and those that replace their data, once they are done.
 * Then, where one holds it back, the state of all streams: a checkpoint before its streams are would pass over them.
 */
function* completions(writing: Writing, end: End): Generator<Echo> {
  const { input, landed, scopes, echoes, heldBack } = writing;
  const unechoed = new Set<string>(echoes.unechoed());
  const toComplete = idsOf(input.catalog, (one) => isReadInFull(one) || replaces(one));
  const left = new Set(uncovered(writing).map(({ stream }) => stream));
  const isFinished = finishedBy(end);
  for (const stream of toComplete)
    if (isFinished(stream) && !unechoed.has(stream) && !left.has(stream))
      yield echoOf(writing, scopes.complete(stream));
  const isDone = [...landed.whole].every(isFinished);
  if (heldBack !== null && isDone) yield echoOf(writing, heldBack);
}

/** Records of incremental streams that no state covers. Those of a stream read in full are covered by its end. */
function uncovered({ input, echoes }: Writing): ReturnType<Echoes['uncovered']> {
  const inFull = idsOf(input.catalog, isReadInFull);
  return echoes.uncovered().filter(({ stream }) => !inFull.has(stream));
}

/** Scopes listed in a failure. */
const scopesMax = 10;

function notEchoed(scopes: readonly string[], label: string): SyncError {
  const more = scopes.length > scopesMax ? `, … (${scopes.length} in all)` : '';
  return new SyncError(
    'system_error',
    'The destination ended well but did not echo the last states.',
    {
      origin: 'destination',
      place: `${label}: ${scopes.slice(0, scopesMax).join(', ')}${more}`,
      remedy:
        'Nothing says that their records are durable, so the next attempt sends them again. Report it to the connector, with its log.',
    },
  );
}

function endedEarly(label: string): SyncError {
  return new SyncError('system_error', 'The destination exited before its input ended.', {
    origin: 'destination',
    place: label,
    remedy: 'See its log (tidemark logs <connection>). The sync goes on from what it echoed.',
  });
}

function stays(label: string): SyncError {
  return new SyncError('transient_error', 'The destination ended its output but did not exit.', {
    origin: 'destination',
    place: label,
    remedy: 'Report it to the connector, with its log.',
  });
}

function stopped(label: string): SyncError {
  return new SyncError('transient_error', 'The destination was stopped on request.', {
    origin: 'tidemark',
    code: 'aborted',
    place: label,
  });
}
