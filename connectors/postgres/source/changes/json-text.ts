/** The text of a value, as the server writes it to replication, as JSON; the same JSON that row_to_json makes of the value. */
export type JsonOf = (text: string) => string;

const quoted: JsonOf = JSON.stringify;
const bare: JsonOf = (text) => text;
/** NaN and the infinities are no numbers of JSON. */
const numeric: JsonOf = (text) => (/[^-+.eE0-9]/.test(text) ? quoted(text) : text);
/** Strings have their newlines escaped: those that are left stand between tokens. */
const json: JsonOf = (text) => text.replace(/[\n\r]/g, ' ');
const dateTime: JsonOf = (text) => quoted(text.replace(' ', 'T'));
const withZone: JsonOf = (text) => quoted(zoned(text.replace(' ', 'T')));
const zoned = (text: string): string => text.replace(/([+-]\d\d)(?=$| BC$)/, '$1:00');

/** By the fixed numbers of Postgres' own types (`pg_type.dat`). */
const known: ReadonlyMap<number, JsonOf> = new Map<number, JsonOf>([
  [16, (text) => (text === 't' ? 'true' : 'false')],
  [17, (text) => quoted(Buffer.from(text.slice(2), 'hex').toString('base64'))],
  ...[20, 21, 23, 26].map((oid): [number, JsonOf] => [oid, bare]),
  ...[700, 701, 1700].map((oid): [number, JsonOf] => [oid, numeric]),
  [114, json],
  [3802, bare],
  [1114, dateTime],
  [1184, withZone],
]);

const moneyOid = 790;

/**
 * null: only the server can say. `isBuilt`: it is not a base type, an enum or a range, which are their text, but an array, a composite, or has
 * a cast to JSON of its own.
 */
export function jsonOfType(isBuilt: boolean, oid: number): JsonOf | null {
  // The text of money depends on the server's locale.
  if (isBuilt || oid === moneyOid) return null;
  return known.get(oid) ?? quoted;
}
