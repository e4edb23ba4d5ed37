import { Context } from '@temporalio/activity';
import {
  asSyncError,
  SyncError,
  type Catalog,
  type ConnectionSpec,
  type Stream,
} from '../protocol/index.ts';
import type {
  ProbeActivityInput,
  ProbeActivityResult,
  ProbeInput,
  ProbeResult,
} from '../workflows/messages.ts';
import { checkResults } from './checks.ts';
import { connectionClient, unlessAborted } from './connection-client.ts';
import type { ActivityDeps } from './deps.ts';
import { applicationFailure, outgoing } from './failure.ts';
import { createHeart } from './heart.ts';

/** What a probe answers is at most this much JSON. */
const resultBytesMax = 512 * 1024;
const probeMsMax = 10 * 60_000;
const logLinesMax = 10_000;
const patience = { callMs: 10_000, totalMs: 60_000 };

/** Looks at something on behalf of a client; changes nothing. */
export async function probe(
  deps: ActivityDeps,
  { probe: input, hereOnly }: ProbeActivityInput,
): Promise<ProbeActivityResult> {
  const context = Context.current();
  const heart = createHeart(context, () => ({ probe: input.kind }));
  const signal = AbortSignal.any([context.cancellationSignal, tooLong()]);
  try {
    const spec = await specOf(deps, input, hereOnly, signal);
    if (typeof spec === 'string') return { type: 'elsewhere', label: spec };
    const found = look(deps, input, spec, signal);
    return { type: 'found', result: await unlessAborted(found, signal) };
  } catch (error) {
    context.cancellationSignal.throwIfAborted();
    const failure = outgoing(asSyncError(error), (text) => deps.connectors.redact(text));
    // A person waits for the answer: what failed is told, not tried again.
    throw applicationFailure(failure, { attempt: context.info.attempt, final: true });
  } finally {
    heart.stop();
  }
}

function tooLong(): AbortSignal {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    const facts = { limitMs: probeMsMax };
    controller.abort(
      new SyncError('transient_error', 'It took too long.', {
        origin: 'tidemark',
        remedy: 'See the connector log, and try again.',
        facts,
      }),
    );
  }, probeMsMax);
  timer.unref();
  return controller.signal;
}

/** The spec that a probe is about; a label when another worker is to look. */
async function specOf(
  { client, label: own }: ActivityDeps,
  input: ProbeInput,
  hereOnly: boolean,
  signal: AbortSignal,
): Promise<ConnectionSpec | string | null> {
  switch (input.kind) {
    case 'check-spec':
      return input.spec;
    case 'check':
    case 'discover': {
      const workflow = connectionClient(client, input.connection);
      const { spec, label } = await workflow.status({ ...patience, signal });
      return label !== null && label !== own && !hereOnly ? label : spec;
    }
    case 'logs':
    case 'connectors':
    case 'connector-spec':
      return null;
  }
}

async function look(
  { connectors }: ActivityDeps,
  input: ProbeInput,
  spec: ConnectionSpec | null,
  signal: AbortSignal,
): Promise<ProbeResult> {
  switch (input.kind) {
    case 'check':
    case 'check-spec':
      return whole(await checkResults(connectors, spec!, signal));
    case 'discover': {
      const log = { connection: spec!.name, syncNo: 0 };
      const { source, config } = await connectors.openSource(spec!.source, log, signal);
      return boundedCatalog(await source.discover(config, signal));
    }
    case 'logs':
      return boundedText(
        connectors.redact(
          await connectors.logs(input.connection, Math.min(input.lines, logLinesMax)),
        ),
      );
    case 'connectors':
      return boundedList(connectors.list());
    case 'connector-spec':
      return whole(await connectors.spec(input.connector, signal));
  }
}

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '');

function whole(value: unknown): ProbeResult {
  if (sizeOf(value) <= resultBytesMax) return { value, truncated: false };
  throw new SyncError('system_error', 'The answer is too large.', {
    origin: 'tidemark',
    facts: { bytes: sizeOf(value), bytesMax: resultBytesMax },
    remedy: 'Report it to the connector.',
  });
}

/** As many elements as fit. */
function boundedList<T>(list: readonly T[]): { value: T[]; truncated: boolean } {
  let bytes = 2;
  const value: T[] = [];
  for (const one of list) {
    bytes += sizeOf(one) + 1;
    if (bytes > resultBytesMax) return { value, truncated: true };
    value.push(one);
  }
  return { value, truncated: false };
}

/** A catalog too large to travel gives its schemas up first, then streams. */
function boundedCatalog(catalog: Catalog): ProbeResult {
  const all = boundedList(catalog.streams);
  if (!all.truncated) return { value: { streams: all.value }, truncated: false };
  const bare: Stream[] = catalog.streams.map((stream) => ({ ...stream, json_schema: {} }));
  return { value: { streams: boundedList(bare).value }, truncated: true };
}

/** The newest lines that fit. */
function boundedText(text: string): ProbeResult {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= resultBytesMax) return { value: text, truncated: false };
  const tail = bytes.subarray(-resultBytesMax).toString('utf8');
  return { value: tail.slice(tail.indexOf('\n') + 1), truncated: true };
}
