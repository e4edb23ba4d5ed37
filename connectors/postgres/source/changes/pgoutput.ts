import type { Lsn } from './lsn.ts';

/**
 * What the plugin `pgoutput` sends of its protocol's version 1: whole transactions, in the order of their commits. Source: "Logical
 * Replication Message Formats" of the Postgres manual.
 */
export type Change =
  /** `at`: the place of its commit. `committedAt`: epoch ms. */
  | {
      readonly type: 'begin';
      readonly at: Lsn;
      readonly committedAt: number;
      readonly xid: number;
    }
  /** `end`: the place after it, at which the next one may start. */
  | { readonly type: 'commit'; readonly end: Lsn }
  | { readonly type: 'relation'; readonly relation: ChangedRelation }
  | { readonly type: 'insert'; readonly relation: number; readonly row: Tuple }
  /** `before`: of the old row its key, where that changed, or all of it (REPLICA IDENTITY FULL). */
  | {
      readonly type: 'update';
      readonly relation: number;
      readonly before: OldTuple | null;
      readonly row: Tuple;
    }
  | { readonly type: 'delete'; readonly relation: number; readonly before: OldTuple }
  | { readonly type: 'truncate'; readonly relations: readonly number[] }
  /** Origins, types and messages: nothing for us. */
  | { readonly type: 'other' };

export interface ChangedRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `d` the primary key, `n` nothing, `f` the whole row, `i` an index. */
  readonly identity: string;
  readonly columns: readonly ChangedColumn[];
}

export interface ChangedColumn {
  readonly name: string;
  readonly isKey: boolean;
  readonly type: number;
  readonly typmod: number;
}

/** A value as the server writes it as text; null; or `unchanged`: it is stored apart and was not touched, so it is not sent. */
export type Cell = Buffer | null | 'unchanged';
export type Tuple = readonly Cell[];

export interface OldTuple {
  readonly cells: Tuple;
  /** Only the columns of the key have values; the others are null. */
  readonly isKeyOnly: boolean;
}

/** From 1970 to 2000-01-01, from which Postgres counts, microseconds. */
export const epochMicros = 946_684_800_000_000n;

const codes = { key: 0x4b, old: 0x4f, new: 0x4e, null: 0x6e, unchanged: 0x75, text: 0x74 };

/** Throws for what is not of the protocol. `bytes` are the change's own: cells are parts of them. */
export function decodeChange(bytes: Buffer): Change {
  const reader = new Reader(bytes);
  const kind = String.fromCharCode(reader.byte());
  switch (kind) {
    case 'B': {
      const at = reader.int64();
      const committedAt = Number((reader.int64() + epochMicros) / 1000n);
      return { type: 'begin', at, committedAt, xid: reader.int32() };
    }
    case 'C':
      reader.skip(9);
      return { type: 'commit', end: reader.int64() };
    case 'R':
      return { type: 'relation', relation: relationIn(reader) };
    case 'I': {
      const relation = reader.int32();
      reader.expect(codes.new);
      return { type: 'insert', relation, row: tupleIn(reader) };
    }
    case 'U': {
      const relation = reader.int32();
      const before = reader.peek() === codes.new ? null : oldTupleIn(reader);
      reader.expect(codes.new);
      return { type: 'update', relation, before, row: tupleIn(reader) };
    }
    case 'D':
      return { type: 'delete', relation: reader.int32(), before: oldTupleIn(reader) };
    case 'T': {
      const count = reader.int32();
      reader.skip(1);
      return { type: 'truncate', relations: Array.from({ length: count }, () => reader.int32()) };
    }
    case 'O':
    case 'Y':
    case 'M':
      return { type: 'other' };
    default:
      throw new Error(`pgoutput sent a message of an unknown kind: ${JSON.stringify(kind)}.`);
  }
}

function relationIn(reader: Reader): ChangedRelation {
  const [oid, schema, name] = [reader.int32(), reader.text(), reader.text()];
  const identity = String.fromCharCode(reader.byte());
  const columns = Array.from({ length: reader.int16() }, (): ChangedColumn => {
    const isKey = (reader.byte() & 1) === 1;
    return { isKey, name: reader.text(), type: reader.int32(), typmod: reader.int32() | 0 };
  });
  return { oid, schema: schema === '' ? 'pg_catalog' : schema, name, identity, columns };
}

function oldTupleIn(reader: Reader): OldTuple {
  const kind = reader.byte();
  if (kind !== codes.key && kind !== codes.old)
    throw new Error(`pgoutput sent an old row of an unknown kind: ${kind}.`);
  return { isKeyOnly: kind === codes.key, cells: tupleIn(reader) };
}

function tupleIn(reader: Reader): Tuple {
  return Array.from({ length: reader.int16() }, (): Cell => {
    const kind = reader.byte();
    if (kind === codes.null) return null;
    if (kind === codes.unchanged) return 'unchanged';
    if (kind === codes.text) return reader.bytes(reader.int32());
    throw new Error(`pgoutput sent a value of an unknown kind: ${kind}.`);
  });
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  peek(): number {
    return this.#bytes.readUInt8(this.#at);
  }

  byte(): number {
    this.#at += 1;
    return this.#bytes.readUInt8(this.#at - 1);
  }

  expect(code: number): void {
    const found = this.byte();
    if (found !== code) throw new Error(`pgoutput sent ${found} where ${code} belongs.`);
  }

  skip(count: number): void {
    this.#at += count;
  }

  int16(): number {
    this.#at += 2;
    return this.#bytes.readUInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  int64(): bigint {
    this.#at += 8;
    return this.#bytes.readBigUInt64BE(this.#at - 8);
  }

  bytes(length: number): Buffer {
    if (this.#at + length > this.#bytes.byteLength)
      throw new Error('pgoutput sent a message that is cut off.');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    const text = this.bytes(end - this.#at).toString();
    this.skip(1);
    return text;
  }
}
