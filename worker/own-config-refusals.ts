import { keysText, SyncError, type ConfigUpdate, type EndName } from '../protocol/index.ts';
import type { ConfigRoad } from '../activities/deps.ts';
import { keyRemedy } from './keys.ts';

// Why what a connector changes in its config cannot be kept, and what to do.

export interface EndPlace {
  readonly end: EndName;
  readonly connector: string;
  readonly road: ConfigRoad | null;
}

/** `orders source crm`. */
export function placeOf({ road, end, connector }: EndPlace): string {
  return [...(road === null ? [] : [road.connection.name]), end, connector].join(' ');
}

export function staleNotice({ keys, at }: ConfigUpdate, { end }: EndPlace): string {
  return `What the ${end} connector changed in its config at ${at} (${keysText(keys)}) is not used: other values were applied there since.`;
}

const notRotating = 'If it never changes its config, say rotates: false in connectors.yaml.';

export function keyMissing(at: EndPlace): SyncError {
  return new SyncError(
    'config_error',
    'This connector rotates its token, and no key is set to keep it.',
    {
      origin: 'tidemark',
      place: placeOf(at),
      remedy: `${keyRemedy} ${notRotating}`,
    },
  );
}

export function notStored(at: EndPlace): SyncError {
  return new SyncError(
    'config_error',
    'This connector rotates its token, and there is no connection to keep it in.',
    {
      origin: 'tidemark',
      place: placeOf(at),
      remedy: `Apply the connection first (tidemark apply), then name it instead of its file. ${notRotating}`,
    },
  );
}

const lost = `The token that it was given before is dead by now: authenticate again, and put the new one into the secret.`;

export function keyless(at: EndPlace): SyncError {
  return new SyncError('config_error', 'The connector changed its config, and no key is set.', {
    origin: 'tidemark',
    place: placeOf(at),
    remedy: `${lost} Before that: ${keyRemedy}`,
  });
}

export function nowhere(at: EndPlace): SyncError {
  return new SyncError(
    'config_error',
    'The connector changed its config, and there is no connection to keep that in.',
    {
      origin: 'tidemark',
      place: placeOf(at),
      remedy: `${lost} Then apply the connection (tidemark apply), and check it by its name.`,
    },
  );
}

export function contended(at: EndPlace): SyncError {
  return new SyncError('transient_error', 'Others keep changing this config too.', {
    origin: 'tidemark',
    place: placeOf(at),
    remedy: 'See that one worker runs the connector at a time; it is tried again.',
  });
}
