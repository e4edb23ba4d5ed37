/** Which transactions a snapshot of the server sees. Numbers are of 64 bits, as `pg_current_snapshot()` writes them: `100:104:100,102`. */
export interface Snapshot {
  /** All below were over. */
  readonly oldest: bigint;
  /** None from here on had begun. */
  readonly next: bigint;
  /** Those between that ran. */
  readonly running: ReadonlySet<bigint>;
}

/** null: it is none. */
export function parseSnapshot(text: string): Snapshot | null {
  const match = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/.exec(text);
  if (match === null) return null;
  const running = match[3] === '' ? [] : match[3]!.split(',').map(BigInt);
  return { oldest: BigInt(match[1]!), next: BigInt(match[2]!), running: new Set(running) };
}

const wrap = 1n << 32n;

/**
 * Whether a snapshot saw a transaction that has committed by now. `xid`: its 32 bits, as replication tells it; it began within 2^31
 * transactions of the snapshot.
 */
export function saw({ oldest, next, running }: Snapshot, xid: number): boolean {
  const base = next - (next % wrap);
  const same = base + BigInt(xid);
  const half = wrap / 2n;
  const whole = same > next + half ? same - wrap : same < next - half ? same + wrap : same;
  return whole < oldest || (whole < next && !running.has(whole));
}
