/** A place in the server's log, bytes since its beginning. */
export type Lsn = bigint;

/** As Postgres writes it: `16/B374D848`. */
export function lsnText(lsn: Lsn): string {
  const half = (part: bigint): string => part.toString(16).toUpperCase();
  return `${half(lsn >> 32n)}/${half(lsn & 0xffffffffn)}`;
}

/** null: it is none. */
export function parseLsn(text: string): Lsn | null {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (match === null) return null;
  return (BigInt(`0x${match[1]!}`) << 32n) | BigInt(`0x${match[2]!}`);
}
