import {
  everyStream,
  generationOf,
  globalScope,
  kindHeld,
  leftPending,
  type Checkpoint,
  type ConnectionState,
  type Scope,
  type StreamId,
} from '../protocol/index.ts';
import { withoutStream } from '../protocol/global-state.ts';
import { bareEdit, nextEdition } from './edition.ts';
import { refusals, type RefreshRequest } from './messages.ts';
import { busyRefusal, refuse, type Refusal } from './refusal.ts';

type Generations = Pick<ConnectionState, 'generations' | 'minimumGenerations'>;

const manners: readonly RefreshRequest['manner'][] = ['replace', 'keep', 'clear'];

export function refreshRefusal(state: ConnectionState, request: RefreshRequest): Refusal {
  const busy = busyRefusal(state);
  if (busy !== null) return busy;
  const { name } = state.spec;
  const { streams, manner } = request;
  // People may send it by Temporal's UI: a slip of the pen must not become the default that replaces.
  if (!manners.includes(manner))
    return refuse(refusals.invalid, 'config_error', 'There is no such manner of a refresh.', {
      place: String(manner),
      remedy: `Use one of: ${manners.join(', ')}.`,
    });
  if (streams?.length === 0)
    return refuse(refusals.invalid, 'config_error', 'No stream is named.', {
      remedy: 'Name one, or say --all.',
    });
  if (manner !== 'clear' && state.clearing.length > 0)
    return refuse(refusals.invalid, 'config_error', 'A clear of this connection is not done yet.', {
      place: state.clearing.join(', '),
      remedy: `Let it be done first: tidemark sync ${name}. The sync after it reads those streams from scratch anyway.`,
    });
  if (streams === null || kindHeld(Object.values(state.checkpoints)) !== 'LEGACY') return null;
  return refuse(refusals.invalid, 'config_error', 'The state of this source is of one piece.', {
    place: streams.join(', '),
    remedy: `It can only be reset as a whole: tidemark ${manner === 'clear' ? 'clear' : 'refresh'} ${name} --all.`,
  });
}

/**
 * Invariant 2: the streams' states are reset under a new edition, and their data gets a new generation, that of the next sync. A sync that
 * fails half-way leaves it to the next: its generation, and so what it has loaded out of sight, stays the same.
 */
export function refresh(
  state: ConnectionState,
  { streams, manner }: RefreshRequest,
  now: string,
): ConnectionState {
  const marked = mark(
    state,
    streams,
    { generation: state.syncNo + 1, keep: manner === 'keep' },
    now,
  );
  if (manner !== 'clear') return marked;
  const all = streams === null || state.clearing.includes(everyStream);
  const clearing = all ? [everyStream] : [...new Set([...state.clearing, ...streams])];
  return { ...marked, clearing };
}

function mark(
  state: ConnectionState,
  streams: readonly StreamId[] | null,
  { generation, keep }: { readonly generation: number; readonly keep: boolean },
  now: string,
): ConnectionState {
  const own = (value: number): Record<StreamId, number> =>
    Object.fromEntries((streams ?? [everyStream]).map((stream) => [stream, value]));
  const edited = streams === null ? resetOfAll(state, now) : resetOf(state, streams, now);
  const isAll = streams === null;
  return {
    ...state,
    generations: { ...(isAll ? {} : state.generations), ...own(generation) },
    minimumGenerations: {
      ...(isAll ? {} : state.minimumGenerations),
      ...own(keep ? 0 : generation),
    },
    checkpoints: { ...state.checkpoints, ...Object.fromEntries(edited.map((c) => [c.scope, c])) },
    attemptsWithoutProgress: 0,
  };
}

/** The destination extends it to the scopes that only it knows. */
function resetOfAll(state: ConnectionState, now: string): readonly Checkpoint[] {
  const scopes = [...new Set<Scope>([...(Object.keys(state.checkpoints) as Scope[]), globalScope])];
  const edition = nextEdition(state, scopes, now);
  return scopes.map((scope) => bareEdit(scope, edition, { state: null }, now));
}

/** Under a GLOBAL state each loses its part of that, and what is shared stays. Of one edition, by which `open` knows that they belong together. */
function resetOf(
  state: ConnectionState,
  streams: readonly StreamId[],
  now: string,
): readonly Checkpoint[] {
  const shared = state.checkpoints[globalScope];
  const isGlobal = kindHeld(Object.values(state.checkpoints)) === 'GLOBAL';
  const edition = nextEdition(state, isGlobal ? [...streams, globalScope] : streams, now);
  const own = streams.map((stream) => bareEdit(stream, edition, { state: null }, now));
  if (!isGlobal || shared === undefined || shared.state === null) return own;
  const { exact } = shared;
  const held = { state: shared.state, ...(exact !== undefined && { exact }) };
  const rest = streams.reduce((before, stream) => withoutStream(before, stream), held);
  return [...own, bareEdit(globalScope, edition, rest, now)];
}

/**
 * A person reset states whose refresh has begun (null: all): what it has loaded out of sight would be loaded again. With a new generation it
 * begins anew.
 */
export function restarted(state: ConnectionState, scope: Scope | null): Generations {
  const { generations, minimumGenerations } = state;
  const pending = Object.keys(minimumGenerations) as StreamId[];
  const concerned = scope === null || scope === globalScope ? pending : [scope];
  const restart = concerned.filter((stream) => generationOf(stream, state).minimum > 0);
  const raised = Object.fromEntries(restart.map((stream) => [stream, state.syncNo + 1]));
  return {
    generations: { ...generations, ...raised },
    minimumGenerations: { ...minimumGenerations, ...raised },
  };
}

/**
 * The destination knows more syncs than Temporal, which was restored: a generation numbered here may be an old one there. So everything that
 * is not carried out yet is asked for anew, under the number of the sync that now begins.
 */
export function renewed(state: ConnectionState, now: string): ConnectionState {
  const { minimumGenerations } = state;
  const pending = (Object.keys(minimumGenerations) as StreamId[]).toSorted((a, b) =>
    a === everyStream ? -1 : b === everyStream ? 1 : 0,
  );
  return pending.reduce((before, stream) => {
    const streams = stream === everyStream ? null : [stream];
    const keep = minimumGenerations[stream] === 0;
    return mark(before, streams, { generation: state.syncNo, keep }, now);
  }, state);
}

/** A sync succeeded. */
export function carriedOut(state: ConnectionState): ConnectionState {
  return { ...state, clearing: [], minimumGenerations: leftPending(state) };
}
