import {
  canonical,
  isObject,
  pointed,
  sealedCharsMax,
  updateKeyCharsMax,
  updateKeysMax,
  type ConfigUpdate,
  type ConnectionSpec,
  type ConnectionState,
  type DroppedUpdate,
  type EndName,
} from '../protocol/index.ts';
import { refusals, type ForgetRequest, type RememberRequest } from './messages.ts';
import { busyRefusal, refuse, type Refusal } from './refusal.ts';

// What a connector changed in its own config, kept until a person changes the same keys. Pure.

const ends: readonly EndName[] = ['source', 'destination'];

/** The number that the next update must be built on; 0: there was none yet. */
const newest = ({ updates }: ConnectionState, end: EndName): number => updates?.[end]?.no ?? 0;

export function rememberRefusal(state: ConnectionState, request: RememberRequest): Refusal {
  const { connectionId, end, connector, over, keys, sealed } = request;
  const { name } = state.spec;
  if (connectionId !== state.connectionId)
    return refuse(refusals.invalid, 'config_error', 'This update is of another connection.', {
      place: `${name}, ${end}`,
      remedy:
        'The connection was deleted and applied anew meanwhile: authenticate again, and apply it.',
    });
  if (connector !== state.spec[end].connector)
    return refuse(refusals.invalid, 'config_error', 'This update is of another connector.', {
      place: `${name}, ${end}: ${connector}`,
      remedy: 'Another connector was applied meanwhile: nothing to do.',
    });
  const tooManyKeys =
    keys.length > updateKeysMax || keys.some((key) => key.length > updateKeyCharsMax);
  // Invariant 7.
  if (sealed.length > sealedCharsMax || tooManyKeys)
    return refuse(refusals.invalid, 'system_error', 'This config update is too large.', {
      place: `${name}, ${end}`,
      remedy: 'Report it to the connector.',
      facts: { chars: sealed.length, charsMax: sealedCharsMax },
    });
  if (over === newest(state, end)) return null;
  // Whoever sent it knows less than is kept: it looks again, and sends what belongs on top.
  return refuse(refusals.superseded, 'transient_error', 'A newer config update is kept.', {
    place: `${name}, ${end}`,
    facts: { over, newest: newest(state, end) },
  });
}

export function remember(
  state: ConnectionState,
  { end, over, keys, keyId, sealed, epoch }: RememberRequest,
  now: string,
): ConnectionState {
  const update: ConfigUpdate = {
    ...{ no: over + 1, at: now, keys, keyId, sealed },
    ...(epoch !== undefined && { epoch }),
  };
  return withUpdate(state, end, update);
}

/** A person may have typed it into Temporal's UI. */
export function forgetRefusal(state: ConnectionState, request: unknown): Refusal {
  const busy = busyRefusal(state);
  if (busy !== null) return busy;
  if (request === undefined || request === null) return null;
  const end = isObject(request) ? (request['end'] ?? null) : 'none';
  if (end === null || ends.some((one) => one === end)) return null;
  return refuse(refusals.invalid, 'config_error', 'A connection has no such end.', {
    remedy: 'Send {"end": "source"}, {"end": "destination"}, or nothing for both.',
  });
}

/** Answers which ends had an update. */
export function forget(
  state: ConnectionState,
  request: ForgetRequest | null | undefined,
  now: string,
): { readonly state: ConnectionState; readonly forgotten: readonly EndName[] } {
  const end = request?.end ?? null;
  const forgotten = ends.filter((one) => (end === null || one === end) && isKept(state, one));
  return {
    state: forgotten.reduce((at, one) => drop(at, one, 'forgotten', now), state),
    forgotten,
  };
}

const isKept = ({ updates }: ConnectionState, end: EndName): boolean =>
  (updates?.[end]?.sealed ?? null) !== null;

/** A person's word on the same keys, or on the connector, wins over what the connector said before. */
export function droppedBy(
  state: ConnectionState,
  spec: ConnectionSpec,
  now: string,
): ConnectionState {
  return ends
    .filter((end) => isKept(state, end) && concerns(state.updates![end]!, state.spec, spec, end))
    .reduce((at, end) => drop(at, end, 'applied', now), state);
}

function concerns(
  { keys }: ConfigUpdate,
  before: ConnectionSpec,
  after: ConnectionSpec,
  end: EndName,
): boolean {
  const [old, next] = [before[end], after[end]];
  if (old.connector !== next.connector) return true;
  // Not all are listed then.
  const looked = keys.length < updateKeysMax ? keys : [''];
  const at = ({ config }: typeof old, key: string): string =>
    canonical(key === '' ? config : pointed(config, `#${key}`));
  return looked.some((key) => at(old, key) !== at(next, key));
}

/** It takes a number too: an update that was on its way, and built on what is dropped, is not taken for its successor. */
function drop(
  state: ConnectionState,
  end: EndName,
  because: DroppedUpdate['because'],
  now: string,
): ConnectionState {
  const old = state.updates![end]!;
  return withUpdate(state, end, {
    ...{ ...old, no: old.no + 1, sealed: null },
    dropped: { at: now, because },
  });
}

function withUpdate(state: ConnectionState, end: EndName, update: ConfigUpdate): ConnectionState {
  return { ...state, updates: { ...state.updates, [end]: update } };
}
