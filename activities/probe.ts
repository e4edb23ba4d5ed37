import { Context } from '@temporalio/activity';
import {
  asSyncError,
  canonical,
  SyncError,
  type Catalog,
  type ConnectionSpec,
  type ConnectionState,
  type EndName,
  type Plan,
  type Stream,
} from '../protocol/index.ts';
import type {
  ProbeActivityInput,
  ProbeActivityResult,
  ProbeInput,
  ProbeResult,
} from '../workflows/messages.ts';
import { answerMax, fits, refuseOversized } from '../workflows/room.ts';
import { checkResults } from './checks.ts';
import { configRoad } from './config-road.ts';
import { connectionClient, unlessAborted } from './connection-client.ts';
import type { ActivityDeps, ConfigRoad, ConfigRoads } from './deps.ts';
import { applicationFailure, outgoing } from './failure.ts';
import { createHeart } from './heart.ts';
import { planSync } from './plan.ts';

/** What is cut because it does not fit as a whole is at most this much JSON. */
const cutBytesMax = 512 * 1024;
const planStreamsBytesMax = 384 * 1024;
const planUnselectedBytesMax = 64 * 1024;
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
    const subject = await subjectOf(deps, input, signal);
    // Of a file every worker may say whether it works here.
    const label = input.kind === 'check-spec' ? null : (subject?.state?.label ?? null);
    if (label !== null && label !== deps.label && !hereOnly) return { type: 'elsewhere', label };
    const found = look(deps, input, subject, signal);
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

/** The connection that a probe is about. `state` null: it is not stored. */
interface Subject {
  readonly spec: ConnectionSpec;
  readonly state: ConnectionState | null;
}

/** null: the probe is about no connection. */
async function subjectOf(
  { client }: ActivityDeps,
  input: ProbeInput,
  signal: AbortSignal,
): Promise<Subject | null> {
  const stateOf = (name: string): Promise<ConnectionState> =>
    connectionClient(client, name).status({ ...patience, signal });
  switch (input.kind) {
    case 'check-spec':
    case 'plan-spec': {
      const { spec, applied = false } = input;
      return { spec, state: applied ? await stateOf(spec.name) : null };
    }
    case 'check':
    case 'plan':
    case 'discover': {
      const state = await stateOf(input.connection);
      return { spec: state.spec, state };
    }
    case 'logs':
    case 'connectors':
    case 'connector-spec':
      return null;
  }
}

/**
 * What a connector changes during a probe is kept too, where the probed end is one that is stored: that of a file which says something else
 * has nowhere to go, and must not take the place of what the stored one has.
 */
function roadsOf(client: ActivityDeps['client'], subject: Subject | null): ConfigRoads {
  const roadOf = (end: EndName): ConfigRoad | null => {
    const state = subject?.state ?? null;
    if (state === null || canonical(subject!.spec[end]) !== canonical(state.spec[end])) return null;
    return configRoad(client, { id: state.connectionId, name: state.spec.name });
  };
  return { source: roadOf('source'), destination: roadOf('destination') };
}

async function look(
  { connectors, client }: ActivityDeps,
  input: ProbeInput,
  subject: Subject | null,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const roads = roadsOf(client, subject);
  switch (input.kind) {
    case 'check':
    case 'check-spec':
      return whole(await checkResults(connectors, subject!.spec, signal, roads));
    case 'plan':
    case 'plan-spec':
      return boundedPlan(await planSync(connectors, subject!.spec, subject!.state, signal, roads));
    case 'discover': {
      const { spec } = subject!;
      const log = { connection: spec.name, syncNo: 0 };
      const { source, config } = await connectors.openSource(
        spec.source,
        log,
        signal,
        roads.source,
      );
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
  refuseOversized(JSON.stringify(value), answerMax, {
    message: 'The answer is too large.',
    origin: 'tidemark',
    remedy: 'Report it to the connector.',
  });
  return { value, truncated: false };
}

const fitsWhole = (value: unknown): boolean => fits(JSON.stringify(value), answerMax);

/** As many elements as fit. */
function boundedList<T>(
  list: readonly T[],
  bytesMax = cutBytesMax,
): { value: T[]; truncated: boolean } {
  let bytes = 2;
  const value: T[] = [];
  for (const one of list) {
    bytes += sizeOf(one) + 1;
    if (bytes > bytesMax) return { value, truncated: true };
    value.push(one);
  }
  return { value, truncated: false };
}

/** A catalog too large to travel gives its schemas up first, then streams. */
function boundedCatalog(catalog: Catalog): ProbeResult {
  if (fitsWhole(catalog.streams)) return { value: catalog, truncated: false };
  const bare: Stream[] = catalog.streams.map((stream) => ({ ...stream, json_schema: {} }));
  const streams = fitsWhole(bare) ? bare : boundedList(bare).value;
  return { value: { streams }, truncated: true };
}

/** The streams that will be synced come first; both lists keep their counts. */
function boundedPlan(plan: Plan): ProbeResult {
  if (fitsWhole(plan)) return { value: plan, truncated: false };
  const streams = boundedList(plan.streams, planStreamsBytesMax);
  const unselected = boundedList(plan.unselected, planUnselectedBytesMax);
  const truncated = streams.truncated || unselected.truncated;
  return { value: { ...plan, streams: streams.value, unselected: unselected.value }, truncated };
}

/** The newest lines that fit. */
function boundedText(text: string): ProbeResult {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= cutBytesMax) return { value: text, truncated: false };
  const tail = bytes.subarray(-cutBytesMax).toString('utf8');
  return { value: tail.slice(tail.indexOf('\n') + 1), truncated: true };
}
