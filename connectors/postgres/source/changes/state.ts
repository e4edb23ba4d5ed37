import { isObject, type Json, type JsonObject } from '../../../../protocol/index.ts';
import { refusalsOf } from '../../../kit/refuse-config.ts';
import { lsnText, parseLsn, type Lsn } from './lsn.ts';
import { parseSnapshot, type Snapshot } from './visibility.ts';

/** What all streams share: the log was read up to here. */
export interface SharedState {
  readonly slot: string;
  readonly lsn: Lsn;
}

/**
 * Of a stream whose rows are there. `seen`: they were read under a snapshot that saw some of the transactions that the log still holds before
 * `until`: those are not applied once more. null: the log is past it.
 */
export interface StreamPart {
  readonly seen: { readonly snapshot: Snapshot; readonly text: string; readonly until: Lsn } | null;
}

export function sharedText({ slot, lsn }: SharedState): JsonObject {
  return { version: 1, slot, lsn: lsnText(lsn) };
}

export function parseShared(value: Json | undefined): SharedState | null {
  if (value === undefined || value === null) return null;
  const { version, slot, lsn } = isObject(value) ? value : ({} as JsonObject);
  const at = typeof lsn === 'string' ? parseLsn(lsn) : null;
  if (version === 1 && typeof slot === 'string' && at !== null) return { slot, lsn: at };
  throw refusalsOf('source')(
    'The state is not one of a Postgres source that reads changes.',
    'shared_state',
    'Read the streams from their start: tidemark refresh <connection>.',
  );
}

export function partText({ seen }: StreamPart): JsonObject {
  return {
    version: 1,
    ...(seen !== null && { seen: { snapshot: seen.text, until: lsnText(seen.until) } }),
  };
}

/** From the texts of Postgres; null: they are none. */
export function seenOf(text: string, until: string): StreamPart['seen'] {
  const [snapshot, lsn] = [parseSnapshot(text), parseLsn(until)];
  return snapshot === null || lsn === null ? null : { snapshot, text, until: lsn };
}

/** null: it is none. */
export function parsePart({ version, seen }: JsonObject): StreamPart | null {
  if (version !== 1) return null;
  if (seen === undefined) return { seen: null };
  const { snapshot: text, until } = isObject(seen) ? seen : ({} as JsonObject);
  if (typeof text !== 'string' || typeof until !== 'string') return null;
  const parsed = seenOf(text, until);
  return parsed === null ? null : { seen: parsed };
}
