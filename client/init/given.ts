import { SyncError } from '../../protocol/index.ts';
import { suggestion } from '../../protocol/nearest.ts';

/** What `--set source.tunnel.host=…` said: texts by key, in groups. */
export type Given = ReadonlyMap<string, string | Given>;
type Growing = Map<string, string | Growing>;

const ends = ['source', 'destination'];

/** Throws a config_error that names the key, never the value: it may be a secret. */
export function givenBy(assignments: readonly string[]): Given {
  const given: Growing = new Map();
  for (const one of assignments) {
    const equals = one.indexOf('=');
    const keys = (equals < 0 ? '' : one.slice(0, equals)).split('.');
    if (equals < 0 || keys.length < 2 || keys.includes('') || !ends.includes(keys[0]!))
      throw refused('A setting cannot be read.', equals < 0 ? '--set' : `--set ${keys.join('.')}`, [
        'Write --set source.<key>=<value> or --set destination.<key>=<value>.',
      ]);
    put(given, keys, one.slice(equals + 1));
  }
  return given;
}

function put(given: Growing, keys: readonly string[], text: string): void {
  let at = given;
  for (const key of keys.slice(0, -1)) {
    const inner = at.get(key) ?? new Map<string, string | Growing>();
    if (typeof inner === 'string') throw twice(keys);
    at.set(key, inner);
    at = inner;
  }
  const last = keys.at(-1)!;
  if (at.has(last)) throw twice(keys);
  at.set(last, text);
}

/** A key that the spec does not know is a slip. */
export function refuseUnknown(given: Given, known: readonly string[], path: string): void {
  const unknown = [...given.keys()].find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw refused('The connector has no such setting.', `--set ${path}.${unknown}`, [
    suggestion(unknown, known),
  ]);
}

function twice(keys: readonly string[]): SyncError {
  return refused('A setting is given twice.', `--set ${keys.join('.')}`, ['Keep one.']);
}

function refused(message: string, place: string, remedies: readonly string[]): SyncError {
  const remedy = remedies.join(' ');
  return new SyncError('config_error', message, { origin: 'tidemark', place, remedy });
}
