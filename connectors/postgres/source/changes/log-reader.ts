import type { Socket } from 'node:net';
import type pg from 'pg';
import { quoteIdentifier, quoteLiteral } from '../../../kit/identifiers.ts';
import { processIdOf } from '../../session.ts';
import { decodeChange, epochMicros, type Change } from './pgoutput.ts';
import { lsnText, type Lsn } from './lsn.ts';

/** Received and not asked for yet, bytes: then the server waits. Invariant 7. */
const waitingBytesMax = 4 * 1024 * 1024;
/** The server is told this often how far we are; it ends a session that it does not hear of for wal_sender_timeout (a minute). */
const tellMs = 5_000;

export type Received =
  | { readonly type: 'change'; readonly change: Change }
  /** All that was committed before this place has been sent. */
  | { readonly type: 'idle'; readonly end: Lsn };

/** A replication slot that is read. One caller at a time. */
export interface LogReader {
  /** The server's, that reads the log for it; null: none does. */
  readonly processId: number | null;
  /** The next message; null: none came in time. Throws the driver's errors. */
  next(waitMs: number): Promise<Received | null>;
  /** Asks the server how far it is: an `idle` follows. */
  ask(): void;
  /** The slot's server may forget what is before this place: only what is durable at the destination. Never goes back. */
  confirm(lsn: Lsn): void;
  /** Closes the connection at once; what is pending ends. Idempotent. */
  close(): void;
}

export interface LogReaderOptions {
  readonly slot: string;
  readonly publication: string;
  /** Transactions that end at or before it are not sent again. */
  readonly from: Lsn;
}

/** What the driver does not describe of itself. */
interface Wire {
  readonly stream: Socket;
  on(event: 'copyData', listen: (message: { readonly chunk: Buffer }) => void): void;
  sendCopyFromChunk(bytes: Buffer): void;
}

/** `client`: connected with `replication: 'database'`, and from here on the reader's own. */
export function readLog(client: pg.Client, options: LogReaderOptions): LogReader {
  const { connection: wire } = client as unknown as { readonly connection: Wire };
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let failure: Error | null = null;
  let received = options.from;
  let confirmed = options.from;
  let wake: () => void = () => undefined;

  const fail = (error: Error): void => {
    failure ??= error;
    wake();
  };
  const tell = (asks = false): void => {
    if (failure === null) wire.sendCopyFromChunk(progress(received, confirmed, asks));
  };
  wire.on('copyData', ({ chunk }) => {
    // The driver's own buffer, which it fills again.
    waiting.push(Buffer.from(chunk));
    waitingBytes += chunk.byteLength;
    if (waitingBytes > waitingBytesMax) wire.stream.pause();
    wake();
  });
  client.on('error', fail);
  client.on('end', () => fail(new Error('Connection terminated')));
  client
    .query(startSql(options))
    .then(() => fail(new Error('The server ended the replication.')), fail);
  const timer = setInterval(() => tell(true), tellMs);
  timer.unref();

  function take(): Received | null {
    const bytes = waiting.shift();
    if (bytes === undefined) return null;
    waitingBytes -= bytes.byteLength;
    if (waitingBytes <= waitingBytesMax) wire.stream.resume();
    const kind = String.fromCharCode(bytes.readUInt8(0));
    if (kind === 'w') return { type: 'change', change: decodeChange(bytes.subarray(25)) };
    if (kind !== 'k') throw new Error(`Replication sent a message of an unknown kind: ${kind}.`);
    const end = bytes.readBigUInt64BE(1);
    received = end > received ? end : received;
    if (bytes.readUInt8(17) === 1) tell();
    return { type: 'idle', end };
  }

  return {
    get processId() {
      return failure === null ? processIdOf(client) : null;
    },
    async next(waitMs) {
      const found = take();
      if (found !== null) return found;
      if (failure !== null) throw failure;
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, waitMs);
        wake = () => {
          clearTimeout(late);
          resolve();
        };
      });
      const later = take();
      if (later === null && failure !== null) throw failure as Error;
      return later;
    },
    ask: () => tell(true),
    confirm(lsn) {
      if (lsn <= confirmed) return;
      confirmed = lsn;
      if (lsn > received) received = lsn;
      tell();
    },
    close() {
      clearInterval(timer);
      waiting.length = 0;
      fail(new Error('The replication was closed.'));
      wire.stream.destroy();
    },
  };
}

function startSql({ slot, publication, from }: LogReaderOptions): string {
  const name = quoteLiteral(quoteIdentifier(publication));
  return `START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL ${lsnText(from)} (proto_version '1', publication_names ${name})`;
}

/** "Standby status update": what was received, and what may be forgotten. `asks`: how far the server is. */
function progress(received: Lsn, confirmed: Lsn, asks: boolean): Buffer {
  const bytes = Buffer.alloc(34);
  bytes.write('r');
  bytes.writeBigUInt64BE(received, 1);
  bytes.writeBigUInt64BE(confirmed, 9);
  bytes.writeBigUInt64BE(confirmed, 17);
  bytes.writeBigUInt64BE(BigInt(Date.now()) * 1000n - epochMicros, 25);
  bytes.writeUInt8(asks ? 1 : 0, 33);
  return bytes;
}
