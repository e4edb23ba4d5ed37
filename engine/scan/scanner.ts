import { SyncError, type Message, type StreamId } from '../../protocol/index.ts';
import { createEnvelopes, type TakeRun } from './envelopes.ts';
import { readBareState, readLine, unreadablePrefix } from './line.ts';
import { createRuns, type Runs } from './runs.ts';

/** A piece of a connector's stdout. */
export type ScanItem =
  | {
      readonly type: 'RUN';
      readonly stream: StreamId;
      readonly records: number;
      /** Whole lines, each ending in `\n`: part of the chunk, or a copy of one line that does not lie in it as a whole. */
      readonly bytes: Uint8Array;
    }
  | { readonly type: 'MESSAGE'; readonly message: Exclude<Message, { type: 'RECORD' }> }
  /** A line that is no message: a log line, cut to `textLengthMax`. */
  | { readonly type: 'TEXT'; readonly text: string };

export interface ScannerOptions {
  /** A longer line is a failure of the source. */
  readonly lineBytesMax?: number;
  /**
   * The program is a destination: states may lack their envelope, and a line that is broken is text, since an echo that is lost covers
   * nothing.
   */
  readonly isDestination?: boolean;
}

/**
 * Cuts stdout into runs of records, undecoded, and messages. Both methods yield what they found before they throw: a SyncError of origin
 * `source` with line number and byte offset, never the line's contents, after which the scanner is of no more use. Each iteration must be
 * run to its end before the next call.
 *
 * A line whose envelope was seen before is forwarded unread (see `Envelopes`), so what is broken inside its `data` is found by the
 * destination, not here. Head and tail are always compared: a line cut short, and one that another writer breaks into with a line of its
 * own, are failures here.
 */
export interface Scanner {
  /**
   * `room`: so many bytes before the chunk, in the same memory, may be overwritten. The beginning of a line that the chunk before left goes
   * there if it fits, so that it makes no run of its own.
   */
  scan(chunk: Uint8Array, room?: number): Iterable<ScanItem>;
  /** The last line, if it lacks its `\n`. */
  end(): Iterable<ScanItem>;
}

/** A record may be as large as this; a larger line has lost its ending. */
export const lineBytesMax = 64 * 1024 * 1024;

/** So many bytes are looked at in one go, or a longer line: small enough to stay in the processor's cache. */
const windowBytes = 256 * 1024;
/** A line names its stream within so many. */
const headBytes = 1024;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const newline = Buffer.from('\n');

export function createScanner(options: ScannerOptions = {}): Scanner {
  const { isDestination = false } = options;
  const max = options.lineBytesMax ?? lineBytesMax;
  const window = Math.min(windowBytes, max);
  const envelopes = createEnvelopes();
  /** The beginning of a line whose end was not seen yet, in pieces: joined once, so a long line costs linear time. */
  let kept: Buffer[] = [];
  let keptBytes = 0;
  /** What lies before the line at hand. */
  let lines = 0;
  let offset = 0;

  function refuse(message: string, length: number): SyncError {
    return new SyncError('system_error', message, {
      origin: 'source',
      place: here(),
      remedy:
        'Report it to the connector: its lines are cut or mixed up when several writers share its stdout, or when it prints beside its messages.',
      facts: { line: lines + 1, byte: offset, length },
    });
  }

  const here = (): string => `stdout line ${lines + 1}, byte ${offset}`;

  /** `head`: how the line begins. Its stream is told, if it comes before the data: no other name of the line's may be. */
  function tooLong(length: number, head: Buffer): SyncError {
    const [, stream] = /^[^{]*\{[^{]*\{[^{]*?"stream"\s*:\s*"([^"\\]{1,200})"/.exec(
      head.toString('utf8', 0, headBytes),
    ) ?? ['', undefined];
    return new SyncError('system_error', 'The connector printed a line that is too long.', {
      origin: 'source',
      place: `${stream === undefined ? '' : `stream ${stream}, `}${here()}: ${length} bytes or more, at most ${max}`,
      ...(stream !== undefined && { stream }),
      remedy:
        'Leave the stream, or the column that is so large, out of the connection. A line that has lost its ending is a defect of the connector: report it there.',
      facts: { line: lines + 1, byte: offset, length, lengthMax: max },
    });
  }

  /** A line whose envelope is not known. */
  function parse(bytes: Buffer, at: number, feed: number, runs: Runs): void {
    const isCrlf = feed > at && bytes[feed - 1] === carriageReturn;
    const line = bytes.subarray(at, isCrlf ? feed - 1 : feed);
    const read = readLine(line);
    switch (read.type) {
      case 'RECORD':
        envelopes.learn(line, read.stream);
        return runs.add(read.stream, 1, at, feed + 1, isCrlf);
      case 'BROKEN':
        if (isDestination)
          return runs.put({ type: 'TEXT', text: `${unreadablePrefix}${read.message}` });
        throw refuse(read.message, line.length);
      case 'TEXT':
        return runs.put((isDestination ? readBareState(line) : null) ?? read);
      case 'MESSAGE':
        return runs.put(read);
      case 'EMPTY':
    }
  }

  /** The end of the lines to look at in one go: as many as fit into the window, or one that is longer. */
  function windowEnd(bytes: Buffer, at: number, until: number): number {
    if (until - at <= window) return until;
    const last = bytes.lastIndexOf(lineFeed, at + window - 1);
    if (last >= at) return last + 1;
    const feed = bytes.indexOf(lineFeed, at);
    if (feed - at > max) throw tooLong(feed - at, bytes.subarray(at));
    return feed + 1;
  }

  /** The whole lines of `bytes`, which lie before `until`. */
  function cut(bytes: Buffer, start: number, until: number, items: ScanItem[]): void {
    const runs = createRuns(bytes, items);
    let at = start;
    const take: TakeRun = (stream, records, end, isCrlf) => {
      runs.add(stream, records, at, end, isCrlf);
      lines += records;
      offset += end - at;
      at = end;
    };
    try {
      while (at < until) {
        const end = windowEnd(bytes, at, until);
        envelopes.load(bytes, at, end);
        while (envelopes.match(at, take) < end) {
          const feed = bytes.indexOf(lineFeed, at);
          parse(bytes, at, feed, runs);
          lines += 1;
          offset += feed + 1 - at;
          at = feed + 1;
        }
      }
    } finally {
      runs.flush();
    }
  }

  function keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    keptBytes += bytes.length;
    // Invariant 7: a line that never ends must not fill the memory.
    if (keptBytes > max) throw tooLong(keptBytes, kept[0] ?? bytes);
    // A copy: the chunk is its owner's again after this call.
    kept.push(Buffer.from(bytes));
  }

  function cutKept(last: Buffer, items: ScanItem[]): void {
    const line = Buffer.concat([...kept, last]);
    kept = [];
    keptBytes = 0;
    cut(line, 0, line.length, items);
  }

  /** The chunk with the kept beginning of its first line before it. */
  function joined(chunk: Buffer): Buffer {
    const whole = Buffer.from(chunk.buffer, chunk.byteOffset - keptBytes, keptBytes + chunk.length);
    let at = 0;
    for (const piece of kept) at += piece.copy(whole, at);
    kept = [];
    keptBytes = 0;
    return whole;
  }

  function take(chunk: Buffer, room: number, items: ScanItem[]): void {
    if (!chunk.includes(lineFeed)) return keep(chunk);
    let bytes = chunk;
    let start = 0;
    if (keptBytes > 0 && keptBytes <= room) bytes = joined(chunk);
    else if (keptBytes > 0) {
      start = chunk.indexOf(lineFeed) + 1;
      cutKept(chunk.subarray(0, start), items);
    }
    const until = bytes.lastIndexOf(lineFeed) + 1;
    cut(bytes, start, until, items);
    keep(bytes.subarray(until));
  }

  return {
    scan: (chunk, room = 0) => yielding((items) => take(asBuffer(chunk), room, items)),
    end: () => yielding((items) => keptBytes > 0 && cutKept(newline, items)),
  };
}

/** Yields what `find` found, also when it then throws. */
function* yielding(find: (items: ScanItem[]) => unknown): Generator<ScanItem, void, undefined> {
  const items: ScanItem[] = [];
  try {
    find(items);
  } catch (error) {
    yield* items;
    throw error;
  }
  yield* items;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
