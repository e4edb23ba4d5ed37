import type { Block, Encoding } from '../../../protocol/index.ts';
import { createRecords, type Envelope, type Records } from '../../kit/tables-source/records.ts';
import { copyOut, type idle } from './copy-out.ts';
import { binaryRows, textRows, type CopyRow } from './copy-rows.ts';
import { copySql, type StreamRead } from './transaction.ts';

/** How the rows of a load are written. */
export interface Rows {
  readonly encoding: Encoding;
  /** The columns of a row in a statement. */
  readonly row: string;
}

/** As fields where the destination takes them and the stream can be written so, which spares both servers the JSON. */
export function rowsOf({ input, selection, id }: StreamRead): Rows {
  const { fields, json } = selection;
  const best = input.accepts(id).find((one) => one === 'jsonl' || fields !== null);
  return best === 'pg-copy-text' && fields !== null
    ? { encoding: 'pg-copy-text', row: fields.join(', ') }
    : { encoding: 'jsonl', row: json };
}

/** What a statement gives: after a row's columns comes its transaction, where there is one to `saw`. */
export interface Selected {
  readonly select: string;
  readonly saw: ((transaction: string) => void) | null;
}

/** Blocks of what a statement gives. */
export function copyRecords(
  read: StreamRead,
  { encoding }: Rows,
  selected: Selected,
): AsyncGenerator<Block | typeof idle, void, undefined> {
  return encoding === 'jsonl' ? copyJson(read, selected) : copyFields(read, selected);
}

function copyJson(read: StreamRead, { select, saw }: Selected): ReturnType<typeof copyRecords> {
  const filling = fill(read);
  return copyOut<Block, CopyRow>(read.session, {
    ...filling,
    ...{ sql: copySql(select, 'binary'), rows: binaryRows },
    row([data, later], give) {
      filling.records.add(data!);
      if (later != null) saw!(later.toString());
      filling.hand(give);
    },
  });
}

const tab = 0x09;
const isNull = '\\N';

function copyFields(read: StreamRead, { select, saw }: Selected): ReturnType<typeof copyRecords> {
  const filling = fill(read, (emittedAt) => ({
    ...{ encoding: 'pg-copy-text', head: Buffer.alloc(0) },
    tail: Buffer.from(`\t${emittedAt}\n`),
  }));
  const { records } = filling;
  const add = (row: Buffer): void => {
    if (saw === null) return records.add(row);
    // Within fields tabs are escaped.
    const end = row.lastIndexOf(tab);
    const later = row.toString('latin1', end + 1);
    if (later !== isNull) saw(later);
    records.add(row.subarray(0, end));
  };
  return copyOut<Block, Buffer>(read.session, {
    ...filling,
    ...{ sql: copySql(select, 'text'), rows: textRows },
    row(row, give) {
      add(row);
      filling.hand(give);
    },
  });
}

type Give = (block: Block) => void;

interface Filling {
  readonly records: Records<never>;
  readonly drain: AbortSignal;
  /** Gives the blocks that are full. */
  hand(give: Give): void;
  end(give: Give): void;
}

/** `envelope`: other than that of JSON. */
function fill(
  { id, stream, input: { drain } }: StreamRead,
  envelope?: (emittedAt: number) => Envelope,
): Filling {
  const filled: Block[] = [];
  const emittedAt = Date.now();
  const records = createRecords<never>({
    ...{ id, stream, emittedAt },
    ...(envelope !== undefined && { envelope: envelope(emittedAt) }),
    give: ({ block }) => void (block !== null && filled.push(block)),
  });
  const hand = (give: Give): void => {
    if (filled.length > 0) filled.splice(0).forEach(give);
  };
  return {
    ...{ records, drain, hand },
    end(give) {
      records.cut(null);
      hand(give);
    },
  };
}
