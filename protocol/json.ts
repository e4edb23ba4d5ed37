/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object. `undefined` members are absent on the wire. */
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The tokens of a JSON text that hold a value of its own making: strings (keys too) and numbers. */
export const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * True when `JSON.parse(text)` keeps every number of `text`: what is written back is what was read. Integers past 2^53 and
 * `1.0` are not kept (a source may tell `1.0` from `1`), so a value that holds one must travel as its text.
 */
export function parsesExactly(text: string): boolean {
  for (const [token] of text.matchAll(stringOrNumber)) {
    if (token.startsWith('"')) continue;
    if (String(Number(token)) !== token) return false;
  }
  return true;
}

/** What a `$ref` within the same document points at (RFC 6901); undefined: nothing, or another document. */
export function pointed(root: JsonObject, ref: string): Json | undefined {
  if (!ref.startsWith('#/')) return undefined;
  let at: Json | undefined = root;
  for (const part of ref.slice(2).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    at = isObject(at) ? at[key] : undefined;
  }
  return at;
}

/** JSON with the members of objects in order: equal values have equal texts. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(',')}}`;
}
