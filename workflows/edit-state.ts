import {
  globalScope,
  scopeOf,
  SyncError,
  type ConnectionState,
  type Scope,
} from '../protocol/index.ts';
import { bareEdit, nextEdition, type EditionManner } from './edition.ts';
import { refusals, type EditRequest } from './messages.ts';
import { restarted } from './refresh-state.ts';
import { busyRefusal, refuse, type Refusal } from './refusal.ts';

export function editRefusal(state: ConnectionState, request: EditRequest): Refusal {
  const busy = busyRefusal(state);
  if (busy !== null) return busy;
  const { scope, state: value } = request;
  if (value === null) return null;
  const found = scopeFound(value);
  if (scope !== null && found === scope) return null;
  return refuse(refusals.invalid, 'config_error', 'This state does not belong to this scope.', {
    ...(scope !== null && { place: scope }),
    remedy:
      scope === null
        ? 'Name one scope, or give no state, which starts every scope from scratch.'
        : `Give a state of the scope ${scope}.`,
  });
}

/** null: it is no state. */
function scopeFound(value: NonNullable<EditRequest['state']>): Scope | null {
  try {
    return scopeOf(value);
  } catch (error) {
    if (error instanceof SyncError) return null;
    throw error;
  }
}

/**
 * Invariant 2: only a person's edit moves a checkpoint backwards, and it starts a new edition. `adopt` without a scope keeps every state. An
 * edit of everything is one of the scope `*` too, which the destination extends to the scopes that only it knows.
 */
export function edit(
  state: ConnectionState,
  request: EditRequest,
  now: string,
  manner: EditionManner,
): ConnectionState {
  const { scope, adopt = false, state: value } = request;
  const known = Object.keys(state.checkpoints) as Scope[];
  const every = manner === 'counted' ? known : [...new Set<Scope>([...known, globalScope])];
  const edited = (scope === null ? (adopt ? [] : every) : [scope]).map((one) =>
    bareEdit(one, nextEdition(state, [one], now, manner), request, now),
  );
  return {
    ...state,
    ...(value === null && !adopt && restarted(state, scope)),
    checkpoints: { ...state.checkpoints, ...Object.fromEntries(edited.map((c) => [c.scope, c])) },
    adopt: adopt || state.adopt,
    attemptsWithoutProgress: 0,
  };
}
