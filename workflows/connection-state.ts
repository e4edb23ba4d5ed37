import {
  compareCheckpoints,
  compareEpochs,
  historyMax,
  mergeCheckpoints,
  type Begun,
  type Checkpoint,
  type Checkpoints,
  type ConnectionSpec,
  type ConnectionState,
  type Epoch,
  type Holder,
} from '../protocol/index.ts';
import { backfilled } from './backfill.ts';
import {
  connectionWorkflowId,
  refusals,
  type AttachRequest,
  type Attached,
  type BeginAnswer,
  type BeginRequest,
  type CommitRequest,
  type EndRequest,
} from './messages.ts';
import { skipped } from './pause-state.ts';
import { carriedOut, renewed } from './refresh-state.ts';
import { refuse, type Refusal } from './refusal.ts';
import { droppedBy } from './updates-state.ts';

// What each update does to the state, or why it is refused. Pure: validators ask for the refusal, handlers take the change.

function isHeldBy(state: ConnectionState, { workflowId, firstRunId }: Holder): boolean {
  const holder = state.lease?.holder;
  return holder?.workflowId === workflowId && holder.firstRunId === firstRunId;
}

export function begin(
  state: ConnectionState,
  { holder, takeOver, raise, label }: BeginRequest,
  now: string,
): { readonly state: ConnectionState; readonly answer: BeginAnswer } {
  const labelled: ConnectionState = { ...state, label: state.label ?? label };
  const { lease } = state;
  const isMine = isHeldBy(state, holder);
  const isDead = takeOver !== null && isHeldBy(state, takeOver);
  if (state.paused !== undefined && !isMine) {
    const by = lease?.holder ?? {
      workflowId: connectionWorkflowId(state.spec.name),
      firstRunId: '',
    };
    return {
      state: skipped(state, holder, now),
      answer: { type: 'held', by, paused: state.paused },
    };
  }
  if (lease !== null && !isMine && !isDead)
    return { state, answer: { type: 'held', by: lease.holder } };
  if (lease !== null && isMine && lease.syncNo > raise)
    return { state: labelled, answer: { type: 'begun', begun: begunOf(labelled, lease.syncNo) } };
  const syncNo = Math.max(state.syncNo, raise) + 1;
  const next: ConnectionState = {
    ...labelled,
    syncNo,
    lease: { holder, syncNo, since: isMine && lease !== null ? lease.since : now },
    attemptsWithoutProgress: 0,
  };
  const begun = begunOf(next, syncNo);
  return { state: raise > 0 ? renewed(next, now) : next, answer: { type: 'begun', begun } };
}

function begunOf({ connectionId, spec, label }: ConnectionState, syncNo: number): Begun {
  return { connectionId, syncNo, spec, label };
}

/** The lease was given back with this summary already: a repeated end changes nothing. */
function isEnded(state: ConnectionState, { summary }: EndRequest): boolean {
  return state.history.some(
    (past) => past.syncNo === summary.syncNo && past.workflowId === summary.workflowId,
  );
}

export function endRefusal(state: ConnectionState, request: EndRequest): Refusal {
  if (isHeldBy(state, request.holder) || isEnded(state, request)) return null;
  return refuse(refusals.notHolder, 'system_error', 'This sync does not hold the connection.', {
    place: request.holder.workflowId,
    remedy: 'Nothing to do: another sync took over.',
  });
}

export function end(state: ConnectionState, request: EndRequest, now: string): ConnectionState {
  if (!isHeldBy(state, request.holder)) return state;
  const history = [...state.history, request.summary].slice(-historyMax);
  const { outcome } = request.summary;
  const { acceptedChanges, ...rest } = outcome === 'succeeded' ? carriedOut(state) : state;
  // Used up by the sync that took the changes over: the same ones may come again one day. A clear takes over nothing.
  const waits =
    acceptedChanges !== undefined && (outcome !== 'succeeded' || state.clearing.length > 0);
  const ended: ConnectionState = {
    ...rest,
    ...(waits && { acceptedChanges }),
    ...{ history, lease: null, adopt: false, attemptsWithoutProgress: 0 },
  };
  return backfilled(ended, request.summary, now);
}

/** Begin fences every lane at its sync's number, so that no attempt of an older sync gets in; attach raises its own lane further. */
function fenceOf(state: ConnectionState, lane: string): Epoch {
  const base: Epoch = { syncNo: state.syncNo, at: 0 };
  const own = state.fence[lane];
  return own !== undefined && compareEpochs(own, base) > 0 ? own : base;
}

/** Invariant 3. */
function fenceRefusal(state: ConnectionState, lane: string, epoch: Epoch): Refusal {
  const fence = fenceOf(state, lane);
  const facts = {
    syncNo: epoch.syncNo,
    at: epoch.at,
    fenceSyncNo: fence.syncNo,
    fenceAt: fence.at,
  };
  // A number that was never issued here must not become the fence: it would shut out every later sync.
  if (epoch.syncNo === fence.syncNo && compareEpochs(epoch, fence) >= 0) return null;
  return refuse(refusals.fenced, 'transient_error', 'A newer writer owns this connection.', {
    code: 'fenced',
    facts,
  });
}

/** Attempts since the last commit, with this one. An interrupted one is not counted: this one takes its place. */
function attemptsWith(state: ConnectionState, request: AttachRequest): number {
  const { lane, epoch, hint } = request;
  if (compareEpochs(epoch, fenceOf(state, lane)) === 0) return state.attemptsWithoutProgress;
  if (hint !== null && newer(state, hint.checkpoints).length > 0) return 1;
  const before = state.attemptsWithoutProgress;
  return hint?.interrupted === true && before > 0 ? before : before + 1;
}

export function attachRefusal(state: ConnectionState, request: AttachRequest): Refusal {
  const { lane, epoch } = request;
  const fence = fenceOf(state, lane);
  if (epoch.syncNo === fence.syncNo && epoch.at < fence.at)
    return refuse(
      refusals.clock,
      'transient_error',
      'A writer attached whose attempt was scheduled later.',
      {
        code: 'fenced',
        facts: { at: epoch.at, fenceAt: fence.at },
        remedy:
          'The next attempt may pass. If it does not, check the clocks of the Temporal server.',
      },
    );
  const refusal = fenceRefusal(state, lane, epoch);
  if (refusal !== null) return refusal;
  const max = state.spec.policy.attemptsWithoutProgressMax;
  if (attemptsWith(state, request) <= max) return null;
  return refuse(
    refusals.budgetSpent,
    'transient_error',
    'Every attempt ended without a new checkpoint.',
    {
      code: 'budget_spent',
      facts: { attemptsWithoutProgress: max },
      remedy: 'Look at the worker: it died, froze or lost its network each time. Then sync again.',
    },
  );
}

export function attach(
  state: ConnectionState,
  request: AttachRequest,
): { readonly state: ConnectionState; readonly attached: Attached } {
  const { lane, epoch, hostQueue, label, hint } = request;
  const next: ConnectionState = {
    ...state,
    attemptsWithoutProgress: attemptsWith(state, request),
    fence: { ...state.fence, [lane]: epoch },
    checkpoints: mergeCheckpoints(state.checkpoints as Checkpoints, hint?.checkpoints ?? []),
    lastHostQueue: hostQueue,
    lastLabel: label,
  };
  const { generations, minimumGenerations, clearing, adopt } = next;
  const { attemptsWithoutProgress, acceptedChanges } = next;
  return {
    state: next,
    attached: {
      checkpoints: Object.values(next.checkpoints),
      ...{ generations, minimumGenerations, clearing, adopt, attemptsWithoutProgress },
      ...(acceptedChanges !== undefined && { acceptedChanges }),
    },
  };
}

/** Invariant 2: what moves a scope forward. */
function newer(state: ConnectionState, checkpoints: readonly Checkpoint[]): readonly Checkpoint[] {
  return checkpoints.filter((checkpoint) => {
    const old = state.checkpoints[checkpoint.scope];
    return old === undefined || compareCheckpoints(checkpoint, old) > 0;
  });
}

export function commitRefusal(state: ConnectionState, { lane, epoch }: CommitRequest): Refusal {
  return fenceRefusal(state, lane, epoch);
}

/** A commit without news is a permit: it says only that its writer is not fenced off. */
export function commit(state: ConnectionState, request: CommitRequest): ConnectionState {
  if (newer(state, request.checkpoints).length === 0) return state;
  return {
    ...state,
    checkpoints: mergeCheckpoints(state.checkpoints as Checkpoints, request.checkpoints),
    adopt: false,
    attemptsWithoutProgress: 0,
  };
}

const connectorsDiffer = (a: ConnectionSpec, b: ConnectionSpec): boolean =>
  a.source.connector !== b.source.connector || a.destination.connector !== b.destination.connector;

export function configureRefusal(state: ConnectionState, spec: ConnectionSpec): Refusal {
  const { name } = state.spec;
  if (spec.name !== name)
    return refuse(refusals.invalid, 'config_error', 'A connection cannot be renamed.', {
      place: `${name} to ${spec.name}`,
      remedy: `Apply ${spec.name} as a new connection, then delete ${name}.`,
    });
  const isStarted = Object.values(state.checkpoints).some((c) => c.state !== null || c.seq > 0);
  if (!connectorsDiffer(state.spec, spec) || !isStarted) return null;
  return refuse(
    refusals.invalid,
    'config_error',
    'The checkpoints of this connection belong to other connectors.',
    {
      place: `${state.spec.source.connector} to ${state.spec.destination.connector}`,
      remedy: `Start again with the new ones (tidemark state reset ${name}), or apply them under another name.`,
    },
  );
}

export function configure(
  state: ConnectionState,
  spec: ConnectionSpec,
  now: string,
): ConnectionState {
  const label = connectorsDiffer(state.spec, spec) ? null : state.label;
  return { ...droppedBy(state, spec, now), spec, label };
}
