import type { Epoch } from './checkpoint.ts';

/** One end of a connection. */
export type EndName = 'source' | 'destination';

/**
 * What a connector has changed in its own config since a person applied it (a rotated token), as Temporal keeps it: encrypted with the
 * workers' key. Invariant 5. Only a worker can read it, and knows whether it still belongs to what is applied (decision 0015).
 */
export interface ConfigUpdate {
  /** Grows with each update that is kept or dropped, from 1. The next is accepted only over the newest. */
  readonly no: number;
  /** ISO 8601. */
  readonly at: string;
  /** JSON paths of what is changed, such as `/credentials/refresh_token`; at most `updateKeysMax`. */
  readonly keys: readonly string[];
  /** Which of the workers' keys it is encrypted with. */
  readonly keyId: string;
  /** null: it was dropped. */
  readonly sealed: string | null;
  /** Of the attempt whose connector sent it. Absent: of a check or a discover. */
  readonly epoch?: Epoch;
  /** Absent: it was not. */
  readonly dropped?: DroppedUpdate;
}

export interface DroppedUpdate {
  /** ISO 8601. */
  readonly at: string;
  /** `applied`: a person changed the same keys, or took another connector. `forgotten`: a person said so. */
  readonly because: 'applied' | 'forgotten';
}

export type ConfigUpdates = Readonly<Partial<Record<EndName, ConfigUpdate>>>;

/** Invariant 7. An encrypted update is at most this long; configs are small. */
export const sealedCharsMax = 64 * 1024;
export const updateKeysMax = 50;
export const updateKeyCharsMax = 200;

/** One line for people; names of keys, never values. */
export function configUpdateText(end: EndName, update: ConfigUpdate): string {
  const { at, keyId, dropped } = update;
  const keys = keysText(update.keys);
  if (dropped === undefined)
    return `config updated by the ${end} connector at ${at}, keys: ${keys} (encrypted with key ${keyId})`;
  const why =
    dropped.because === 'applied' ? 'another config was applied' : 'a person had it forgotten';
  return `the ${end} connector's config update of ${at} was dropped at ${dropped.at}: ${why}, keys: ${keys}`;
}

const keysShownMax = 10;

/** `credentials.refresh_token`. */
export function keysText(keys: readonly string[]): string {
  const shown = keys.slice(0, keysShownMax).map((key) => key.slice(1).replaceAll('/', '.'));
  if (keys.length > keysShownMax) shown.push(`… (${keys.length} in all)`);
  return shown.length === 0 ? 'none' : shown.join(', ');
}
