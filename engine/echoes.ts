import {
  globalScope,
  isObject,
  kindOf,
  SyncError,
  type Scope,
  type State,
  type StreamId,
} from '../protocol/index.ts';
import type { Covered } from './scopes.ts';
import { shownState } from './shown-state.ts';

/** A state that a destination was sent. */
export interface SentState {
  /** Rising over all scopes. Destinations that keep unknown members of a state give it back. */
  readonly id: number;
  readonly scope: Scope;
  /** What becomes a checkpoint; null: nothing, the state is of our own making. */
  readonly covered: Covered | null;
  /** Records of the scope that it was sent since the last state of the scope that it was sent. */
  readonly given: number;
  /** See `stateKey`. */
  readonly key: string;
}

/** `covers`: oldest first; the last one is what was echoed. `old`: echoed before. `unknown`: nothing like it was sent. */
export type Answer =
  | { readonly type: 'covers'; readonly states: readonly SentState[] }
  | { readonly type: 'old' }
  | { readonly type: 'unknown' };

/** What a destination was sent, and what of it came back. */
export interface Echoes {
  /** Records were sent. */
  records(stream: StreamId, count: number): void;
  /** A state is about to be sent. */
  send(scope: Scope, state: State, covered: Covered | null): SentState;
  /**
   * A state came back. An echo covers all states of its scope that were sent before it; one that was echoed, or covered, before is `old`: a
   * checkpoint never moves backwards (invariant 2).
   */
  echo(scope: Scope, state: State): Answer;
  /** States that were sent and have not come back. */
  readonly pending: number;
  /** Their scopes. */
  unechoed(): readonly Scope[];
  /** Streams with records after their last state. */
  uncovered(): readonly { readonly stream: StreamId; readonly records: number }[];
}

interface ScopeEchoes {
  given: number;
  pending: SentState[];
  last: SentState | null;
}

export function createEchoes(): Echoes {
  const scopes = new Map<Scope, ScopeEchoes>();
  const uncovered = new Map<StreamId, number>();
  let ids = 0;
  let pending = 0;

  const of = (scope: Scope): ScopeEchoes => {
    const known = scopes.get(scope);
    if (known !== undefined) return known;
    const made: ScopeEchoes = { given: 0, pending: [], last: null };
    scopes.set(scope, made);
    return made;
  };

  return {
    records(stream, count) {
      of(stream).given += count;
      of(globalScope).given += count;
      uncovered.set(stream, (uncovered.get(stream) ?? 0) + count);
    },
    send(scope, state, covered) {
      const own = of(scope);
      const sent = { id: ++ids, scope, covered, given: own.given, key: stateKey(state) };
      own.given = 0;
      own.pending.push(sent);
      pending += 1;
      if (scope === globalScope) uncovered.clear();
      else uncovered.delete(scope);
      return sent;
    },
    echo(scope, state) {
      const own = scopes.get(scope);
      if (own === undefined) return { type: 'unknown' };
      const at = positionOf(own.pending, state);
      if (at < 0) return isOld(own.last, state) ? { type: 'old' } : { type: 'unknown' };
      const states = own.pending.splice(0, at + 1);
      pending -= states.length;
      own.last = states.at(-1)!;
      return { type: 'covers', states };
    },
    get pending() {
      return pending;
    },
    unechoed: () => [...scopes].flatMap(([scope, own]) => (own.pending.length > 0 ? [scope] : [])),
    uncovered: () => [...uncovered].map(([stream, records]) => ({ stream, records })),
  };
}

/**
 * By its number, where the destination gave it back; else by what it says: of several that say the same the first, which covers least, and
 * those right behind it that brought no records.
 */
function positionOf(pending: readonly SentState[], state: State): number {
  const { id } = state;
  if (typeof id === 'number') return pending.findIndex((sent) => sent.id === id);
  const key = stateKey(state);
  let at = pending.findIndex((sent) => sent.key === key);
  if (at < 0) return at;
  while (pending[at + 1]?.key === key && pending[at + 1]!.given === 0) at += 1;
  return at;
}

function isOld(last: SentState | null, state: State): boolean {
  if (last === null) return false;
  return typeof state['id'] === 'number' ? state['id'] <= last.id : stateKey(state) === last.key;
}

/**
 * What a state says, whoever wrote it: without the statistics and the number that travel with it, without nulls (some destinations drop them,
 * others add them), whatever the order of keys and the text of numbers. Two states may have one key; then see `positionOf`.
 */
export function stateKey(state: State): string {
  switch (kindOf(state)) {
    case 'STREAM':
      return keyOf(state.stream?.stream_state);
    case 'GLOBAL':
      return keyOf(state.global);
    case 'LEGACY':
      return keyOf(state.data);
  }
}

function keyOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(keyOf).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value ?? null);
  const members = Object.entries(value).filter(([, one]) => one !== null && one !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, one]) => `${JSON.stringify(key)}:${keyOf(one)}`).join(',')}}`;
}

/** Records of the echoed states that the destination says it wrote, and those that it turned away. null: it does not say. */
export function destinationCount({ destinationStats: stats }: State): {
  readonly records: number;
  readonly rejected: number;
} | null {
  if (typeof stats?.recordCount !== 'number') return null;
  return { records: stats.recordCount, rejected: stats.rejectedRecordCount ?? 0 };
}

/**
 * Invariant 6: the destination's count is ours, or the state is no checkpoint. Absent isn't compared. Where it did not echo every state, it may
 * count from the state before or from its last echo.
 */
export function compareEcho(state: State, states: readonly SentState[]): void {
  const told = destinationCount(state);
  if (told === null) return;
  const last = states.at(-1)!;
  const sum = states.reduce((all, { given }) => all + given, 0);
  const { records, rejected } = told;
  if ([last.given, sum].includes(records + rejected)) return;
  const source = state.sourceStats?.recordCount;
  throw new SyncError('system_error', 'The destination counts other records than it was given.', {
    origin: 'destination',
    code: 'counts_disagree',
    ...(last.scope !== globalScope && { stream: last.scope }),
    place: `scope ${last.scope}: given ${last.given}${sum === last.given ? '' : ` (${sum} since its last echo)`}, counted ${records}${rejected > 0 ? `, turned away ${rejected}` : ''}${source === undefined ? '' : `, the source counts ${source}`}; ${shownState(state)}`,
    remedy:
      'The state did not become a checkpoint. Compare the table with the source; if it happens again, report it to the connector.',
    facts: {
      given: last.given,
      counted: records,
      rejected,
      ...(source !== undefined && { source }),
    },
  });
}
