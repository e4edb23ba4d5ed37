import {
  SyncError,
  type Block,
  type StreamDescriptor,
  type StreamId,
} from '../../../../protocol/index.ts';
import { refusalsOf } from '../../../kit/refuse-config.ts';
import { createRecords, type Records } from '../../../kit/tables-source/records.ts';
import type { Session } from '../../session.ts';
import { changeMembers } from './columns.ts';
import type { LogReader, Received } from './log-reader.ts';
import type { Lsn } from './lsn.ts';
import type { Change, OldTuple, Tuple } from './pgoutput.ts';
import { knowRelation, type KnownRelation } from './relations.ts';
import { jsonRows, type ChangedRow } from './rows.ts';
import type { StreamPart } from './state.ts';
import { saw } from './visibility.ts';

/** Rows that wait to be written as JSON together, and their bytes in the log. Invariant 7. */
const rowsMax = 1_000;
const rowBytesMax = 1024 * 1024;
/** How long a reader waits before it asks the server how far it is. */
const quietMs = 200;

/** A stream whose changes are wanted. */
export interface FollowedStream {
  readonly id: StreamId;
  readonly descriptor: StreamDescriptor;
  /** Names of the columns that tell its rows apart. */
  readonly key: readonly string[];
  part: StreamPart;
}

export interface FollowOptions {
  readonly reader: LogReader;
  /** For what the log leaves out. */
  readonly session: Session;
  readonly streams: ReadonlyMap<StreamId, FollowedStream>;
  readonly from: Lsn;
  readonly emittedAt: number;
  readonly onTruncate: 'fail' | 'ignore';
  readonly log: (text: string) => void;
  /** Told of everything that the server sends, also where no record comes of it: a long transaction may change other tables only. */
  readonly came: () => void;
  /** Asked at the end of a transaction: what was read by now is wanted, though more follows. */
  readonly isDue: () => boolean;
}

/** What came of some of the log. */
export interface Followed {
  readonly blocks: readonly Block[];
  /** All of the log up to here is in the blocks so far; null: in the middle of a transaction. */
  readonly at: Lsn | null;
  /** The server has nothing more for now. */
  readonly isQuiet: boolean;
}

/** Reads the log, bit by bit: to the end of a transaction, or of what fits. Never ends by itself. */
export async function* followLog(
  options: FollowOptions,
): AsyncGenerator<Followed, never, undefined> {
  const following = new Following(options);
  for (;;) {
    const received = await options.reader.next(quietMs);
    if (received === null) options.reader.ask();
    else {
      options.came();
      await following.take(received);
    }
    const followed = await following.followed(received);
    if (followed !== null) yield followed;
  }
}

interface Transaction {
  readonly xid: number;
  readonly lsn: Lsn;
  readonly committedAt: number;
}

class Following {
  readonly #options: FollowOptions;
  readonly #relations = new Map<number, KnownRelation>();
  readonly #records = new Map<FollowedStream, Records<null>>();
  #transaction: Transaction | null = null;
  #at: Lsn;
  #rows: { readonly stream: FollowedStream; readonly row: ChangedRow }[] = [];
  #rowBytes = 0;
  #blocks: Block[] = [];

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#at = options.from;
  }

  async take(received: Received): Promise<void> {
    if (received.type === 'change') return this.#change(received.change);
    if (this.#transaction === null && received.end > this.#at) this.#at = received.end;
  }

  /** null: nothing worth telling yet. */
  async followed(received: Received | null): Promise<Followed | null> {
    const isQuiet = received?.type === 'idle' && this.#transaction === null;
    const isFull = this.#rows.length >= rowsMax || this.#rowBytes >= rowBytesMax;
    const isCommit = received?.type === 'change' && received.change.type === 'commit';
    const isDue = isCommit && this.#options.isDue();
    if (isFull || isQuiet || isDue) await this.#write();
    else return null;
    const blocks = this.#blocks;
    this.#blocks = [];
    const isWhole = this.#transaction === null && this.#rows.length === 0;
    return { blocks, at: isWhole ? this.#at : null, isQuiet };
  }

  async #change(change: Change): Promise<void> {
    switch (change.type) {
      case 'begin':
        this.#transaction = { xid: change.xid, lsn: change.at, committedAt: change.committedAt };
        return;
      case 'commit':
        this.#transaction = null;
        this.#at = change.end;
        return;
      case 'relation':
        this.#relations.set(
          change.relation.oid,
          await knowRelation(this.#options.session, change.relation),
        );
        return;
      case 'insert':
        return this.#changed(change.relation, null, change.row);
      case 'update':
        return this.#changed(change.relation, change.before, change.row);
      case 'delete':
        return this.#changed(change.relation, change.before, null);
      case 'truncate':
        return change.relations.forEach((oid) => this.#truncated(oid));
      case 'other':
        return;
    }
  }

  /** `row` null: it is gone. */
  #changed(oid: number, before: OldTuple | null, row: Tuple | null): void {
    const { relation, stream } = this.#of(oid);
    if (stream === null) return;
    if (row === null) return this.#add(stream, relation, before!.cells, true);
    if (before !== null && this.#isOther(stream, relation, before, row))
      this.#add(stream, relation, before.cells, true);
    const cells = row.map((cell, i) =>
      cell === 'unchanged' && before !== null && !before.isKeyOnly ? before.cells[i]! : cell,
    );
    this.#add(stream, relation, cells, false);
  }

  /** null: it is not wanted, or what was read of the table has it already. */
  #of(oid: number): { readonly relation: KnownRelation; readonly stream: FollowedStream | null } {
    const relation = this.#relations.get(oid);
    if (relation === undefined || this.#transaction === null)
      throw new SyncError('system_error', 'Replication told of a table that it did not describe.', {
        origin: 'source',
      });
    const stream = this.#options.streams.get(relation.stream) ?? null;
    if (stream === null) return { relation, stream };
    const { seen } = stream.part;
    const { xid, lsn } = this.#transaction;
    const isThere = seen !== null && lsn < seen.until && saw(seen.snapshot, xid);
    return { relation, stream: isThere ? null : stream };
  }

  /** The update made another row of it, as far as those are told apart. */
  #isOther(
    { key }: FollowedStream,
    { columns }: KnownRelation,
    before: OldTuple,
    row: Tuple,
  ): boolean {
    return columns.some(({ name }, i) => {
      const [old, now] = [before.cells[i], row[i]];
      return key.includes(name) && Buffer.isBuffer(old) && Buffer.isBuffer(now) && !old.equals(now);
    });
  }

  #add(stream: FollowedStream, relation: KnownRelation, cells: Tuple, isGone: boolean): void {
    if (isGone) refuseUnknown(stream, relation, cells);
    const { xid, lsn, committedAt } = this.#transaction!;
    const more = changeMembers({ lsn, at: committedAt, isGone });
    this.#rows.push({ stream, row: { relation, cells, xid, more } });
    for (const cell of cells) this.#rowBytes += Buffer.isBuffer(cell) ? cell.byteLength : 1;
  }

  #truncated(oid: number): void {
    const { stream } = this.#of(oid);
    if (stream === null) return;
    if (this.#options.onTruncate === 'ignore')
      return this.#options.log(`WARN ${stream.id} was truncated: its rows stay (on_truncate).`);
    throw refusalsOf('source')(
      'The table was truncated.',
      `stream ${stream.id}`,
      'Read it from its start: tidemark refresh <connection> with this stream. Or keep its rows at the destination: on_truncate: ignore.',
      stream.id,
    );
  }

  /** Rows go into their streams' blocks, in their order. */
  async #write(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    this.#rowBytes = 0;
    const json = await jsonRows(
      this.#options.session,
      rows.map(({ row }) => row),
    );
    for (const [i, { stream }] of rows.entries()) this.#recordsOf(stream).add(json[i]!);
    for (const records of this.#records.values()) records.cut(null);
  }

  #recordsOf(stream: FollowedStream): Records<null> {
    const found = this.#records.get(stream);
    if (found !== undefined) return found;
    const { id, descriptor } = stream;
    const records = createRecords<null>({
      ...{ id, stream: descriptor, emittedAt: this.#options.emittedAt },
      give: ({ block }) => {
        if (block !== null) this.#blocks.push(block);
      },
    });
    this.#records.set(stream, records);
    return records;
  }
}

/** Of a deleted row only the columns of its replica identity are known. */
function refuseUnknown(
  { id, key }: FollowedStream,
  { columns }: KnownRelation,
  cells: Tuple,
): void {
  const unknown = key.filter((name) => {
    const i = columns.findIndex((column) => column.name === name);
    return i < 0 || !Buffer.isBuffer(cells[i]);
  });
  if (unknown.length === 0) return;
  throw refusalsOf('source')(
    'A row was deleted, and the server does not say which.',
    `stream ${id}: primary key ${key.join(', ')}; not told: ${unknown.join(', ')}`,
    'Have the table tell it: ALTER TABLE … REPLICA IDENTITY FULL, or USING INDEX of that key; then refresh the stream.',
    id,
  );
}
