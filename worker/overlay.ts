import { createHash } from 'node:crypto';
import { canonical, isObject, pointed, type Json, type JsonObject } from '../protocol/index.ts';

// What a connector changes in its config, as a config of the changes alone: objects member by member, everything else as a whole. Pure.

/** `base` with the changes on top. */
export function merged(base: JsonObject, changes: JsonObject): JsonObject {
  const members = Object.entries(changes).flatMap(([key, value]): [string, Json | undefined][] => {
    if (value === undefined) return [];
    const old = own(base, key);
    return [[key, isObject(old) && isObject(value) ? merged(old, value) : value]];
  });
  return Object.fromEntries([...Object.entries(base), ...members]);
}

/** The changes that make `to` of `from`; null: none. What `to` leaves out stays: an update tells what is new, never what is gone. */
export function changesOf(from: JsonObject, to: JsonObject): JsonObject | null {
  const members = Object.entries(to).flatMap(([key, value]): [string, Json][] => {
    if (value === undefined) return [];
    const old = own(from, key);
    if (isObject(old) && isObject(value)) {
      const inner = changesOf(old, value);
      return inner === null ? [] : [[key, inner]];
    }
    return old !== undefined && canonical(old) === canonical(value) ? [] : [[key, value]];
  });
  return members.length === 0 ? null : Object.fromEntries(members);
}

/** JSON paths of what is changed: `/credentials/refresh_token`. */
export function keysOf(changes: JsonObject, path = ''): readonly string[] {
  return Object.entries(changes).flatMap(([key, value]) => {
    const at = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    return isObject(value) && Object.keys(value).length > 0 ? keysOf(value, at) : [at];
  });
}

/** Stands for the values that `config` has where the changes are: they hold as long as a person leaves those as they are. */
export function basisOf(config: JsonObject, changes: JsonObject): string {
  const values = keysOf(changes).map((key) => [key, pointed(config, `#${key}`)]);
  // Kept encrypted only: a short secret could be guessed from its hash.
  return createHash('sha256').update(canonical(values)).digest('hex');
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
