import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import {
  asSyncError,
  isObject,
  SyncError,
  type ConnectionState,
  type Holder,
  type SyncFailure,
} from '../protocol/index.ts';
import {
  refusals,
  type BeginAnswer,
  type BeginActivityInput,
  type BeginActivityResult,
  type EndActivityInput,
} from '../workflows/messages.ts';
import { checkEnds } from './checks.ts';
import { configRoad } from './config-road.ts';
import { connectionClient, refusalOf, unlessAborted } from './connection-client.ts';
import type { ActivityDeps } from './deps.ts';
import { applicationFailure, outgoing } from './failure.ts';
import { createHeart } from './heart.ts';

const patience = { callMs: 10_000, totalMs: 60_000 };
/** Attempts in which another worker may pass the check of a host-bound connection. */
const bindAttemptsMax = 3;
const closedStatuses: readonly string[] = [
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'TERMINATED',
  'TIMED_OUT',
];

/** Takes the connection's lease for a sync, also from a holder that is dead. Idempotent for its holder. */
export async function begin(
  deps: ActivityDeps,
  { connection, holder, raise }: BeginActivityInput,
): Promise<BeginActivityResult> {
  const context = Context.current();
  const signal = context.cancellationSignal;
  const heart = createHeart(context, () => ({ connection }));
  const workflow = connectionClient(deps.client, connection);
  try {
    const state = await workflow.status({ ...patience, signal });
    const { paused } = state;
    const askWith = (label: string | null) => (takeOver: Holder | null) =>
      workflow.begin({ holder, takeOver, raise, label }, { ...patience, signal });
    // Neither end is tried: they may be why it is paused.
    const early = paused === undefined ? null : skippedBy(await askWith(null)(null));
    if (early !== null) return early;
    const { label, failure } = await bind(deps, state, signal);
    const ask = askWith(label);
    // The lease is taken all the same: a sync that fails here belongs into the connection's history too.
    const begun = (answer: Extract<BeginAnswer, { type: 'begun' }>): BeginActivityResult =>
      failure === null ? answer : { ...answer, failure };
    const answer = await ask(null);
    if (answer.type === 'begun') return begun(answer);
    const skipped = skippedBy(answer);
    if (skipped !== null) return skipped;
    if (await isAlive(deps.client, answer.by)) return { type: 'skipped', by: answer.by };
    const second = await ask(answer.by);
    return second.type === 'begun'
      ? begun(second)
      : (skippedBy(second) ?? { type: 'skipped', by: second.by });
  } catch (error) {
    signal.throwIfAborted();
    throw failed(deps, asSyncError(error));
  } finally {
    heart.stop();
  }
}

/** null: not by a pause. */
function skippedBy(answer: BeginAnswer): BeginActivityResult | null {
  if (answer.type === 'begun' || answer.paused === undefined) return null;
  return { type: 'skipped', by: answer.by, paused: answer.paused };
}

/**
 * True when the holder's chain of runs still runs: a segmented sync's first run reads CONTINUED_AS_NEW while it lives, so the latest run of
 * the workflow id is looked at, and whose chain it belongs to.
 */
async function isAlive(client: Client, { workflowId, firstRunId }: Holder): Promise<boolean> {
  try {
    const { status, raw } = await client.withDeadline(Date.now() + patience.callMs, () =>
      client.workflow.getHandle(workflowId).describe(),
    );
    if (closedStatuses.includes(status.name)) return false;
    return raw.workflowExecutionInfo?.firstRunId === firstRunId;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

interface Bound {
  readonly label: string | null;
  /** Why no worker can run the connection: a person must act. */
  readonly failure: SyncFailure | null;
}

async function bind(
  deps: ActivityDeps,
  state: ConnectionState,
  signal: AbortSignal,
): Promise<Bound> {
  if (state.label !== null) return { label: null, failure: null };
  try {
    return { label: await labelFor(deps, state, signal), failure: null };
  } catch (error) {
    signal.throwIfAborted();
    const known = asSyncError(error);
    // Another worker may have the file, the connector or the secret that this one lacks.
    const isLast = Context.current().info.attempt >= bindAttemptsMax;
    if (known.kind !== 'config_error') throw known;
    if (isLast) return { label: null, failure: redacted(deps, known) };
    throw new SyncError('transient_error', known.message, { ...known.toFailure(), cause: known });
  }
}

/** The label to bind a host-bound connection to: this worker's, if both ends pass their check here. */
async function labelFor(
  deps: ActivityDeps,
  { connectionId, spec }: ConnectionState,
  signal: AbortSignal,
): Promise<string | null> {
  const { connectors } = deps;
  const road = configRoad(deps.client, { id: connectionId, name: spec.name });
  const runners = new Map(connectors.list().map(({ name, runner }) => [name, runner]));
  const log = { connection: spec.name, syncNo: 0 };
  // To open what this worker does not have throws, with the origin of that end.
  if (!runners.has(spec.source.connector))
    await connectors.openSource(spec.source, log, signal, road);
  if (!runners.has(spec.destination.connector))
    await connectors.openDestination(spec.destination, log, signal, road);
  const names = [spec.source.connector, spec.destination.connector].filter(
    // Airbyte's packages and images know nothing of this mark of ours, and asking one may mean to install it.
    (name) => !['pypi', 'docker'].includes(runners.get(name) ?? ''),
  );
  const specs = await Promise.all(
    names.map((name) => unlessAborted(connectors.spec(name, signal), signal)),
  );
  if (!specs.some((one) => isObject(one) && one['host_bound'] === true)) return null;
  await unlessAborted(
    checkEnds(connectors, spec, signal, { source: road, destination: road }),
    signal,
  );
  return deps.label;
}

function redacted({ connectors }: ActivityDeps, error: SyncError): SyncFailure {
  return outgoing(error, (text) => connectors.redact(text));
}

function failed(deps: ActivityDeps, error: SyncError): Error {
  return applicationFailure(redacted(deps, error), { attempt: Context.current().info.attempt });
}

/** Gives the lease back with the sync's summary. A sync that was taken over has nothing to give back. */
export async function end(
  deps: ActivityDeps,
  { connection, holder, summary }: EndActivityInput,
): Promise<void> {
  const context = Context.current();
  const heart = createHeart(context, () => ({ connection }));
  try {
    await connectionClient(deps.client, connection).end({ holder, summary }, patience);
  } catch (error) {
    const known = asSyncError(error);
    if (refusalOf(known) === refusals.notHolder) return;
    // The connection was deleted: nobody keeps its history any more.
    if (known.kind === 'config_error') return;
    throw failed(deps, known);
  } finally {
    heart.stop();
  }
}
