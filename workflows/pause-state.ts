import { isObject, type ConnectionState, type Holder, type Pause } from '../protocol/index.ts';
import { refusals, type PauseRequest } from './messages.ts';
import { refuse, type Refusal } from './refusal.ts';

// What a pause and its end do to a connection. Pure.

/** Both texts travel to where the pause is told, syncs that are skipped among them. */
const textCharsMax = 500;

/** A person may have typed it into Temporal's UI. */
export function pauseRefusal(request: unknown): Refusal {
  const isText = (value: unknown): boolean => value === undefined || typeof value === 'string';
  if (request === undefined || request === null) return null;
  if (isObject(request) && isText(request['note']) && isText(request['by'])) return null;
  return refuse(refusals.invalid, 'config_error', 'This says not how to pause.', {
    remedy: 'Send nothing, or {"note": "…", "by": "…"}.',
  });
}

/** Paused again it stays paused since the first time; what is said anew takes the place of what was said. */
export function pause(
  state: ConnectionState,
  request: PauseRequest | null | undefined,
  now: string,
): ConnectionState {
  const { note, by } = request ?? {};
  const paused: Pause = {
    since: now,
    ...state.paused,
    ...(by !== undefined && { by: by.slice(0, textCharsMax) }),
    ...(note !== undefined && { note: note.slice(0, textCharsMax) }),
  };
  return { ...state, paused };
}

/** A person looked at it: attempts without progress are counted anew. */
export function resume(state: ConnectionState): ConnectionState {
  const { paused, ...rest } = state;
  return paused === undefined ? state : { ...rest, attemptsWithoutProgress: 0 };
}

/** A sync asked for a connection that is paused. */
export function skipped(
  state: ConnectionState,
  { firstRunId }: Holder,
  now: string,
): ConnectionState {
  const { paused } = state;
  if (paused === undefined || paused.skipped?.firstRunId === firstRunId) return state;
  const count = (paused.skipped?.count ?? 0) + 1;
  return { ...state, paused: { ...paused, skipped: { count, firstRunId, at: now } } };
}
