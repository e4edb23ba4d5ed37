import { SyncError } from '../../../protocol/index.ts';
import type { CopyData } from './copy-frames.ts';

const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** Beside the signature: flags, and the length of an extension that there is none of. */
const preambleBytes = signature.byteLength + 8;
const newline = 0x0a;

/** A row's fields; null: SQL NULL. Valid as long as it is held. */
export type CopyRow = readonly (Buffer | null)[];

/** Makes rows of what the messages of a COPY hold. */
export type CopyRows<R> = (row: (row: R) => void) => CopyData;

/** Of `COPY … TO STDOUT (FORMAT binary)`. */
export const binaryRows: CopyRows<CopyRow> = (row) => {
  let isFirst = true;
  return (bytes, from, to) => {
    const begins = isFirst && bytes.subarray(from, to).indexOf(signature) === 0;
    isFirst = false;
    for (let at = from + (begins ? preambleBytes : 0); at < to;) {
      const count = bytes.readInt16BE(at);
      at += 2;
      if (count < 0) return; // the end
      const fields: (Buffer | null)[] = [];
      for (let i = 0; i < count; i += 1) {
        const length = bytes.readInt32BE(at);
        at += 4;
        fields.push(length < 0 ? null : bytes.subarray(at, at + length));
        at += Math.max(length, 0);
      }
      row(fields);
    }
  };
};

/** Of `COPY … TO STDOUT (FORMAT text)`: each message is a row, as it is, here without its newline. */
export const textRows: CopyRows<Buffer> = (row) => (bytes, from, to) => {
  // The protocol says so; if it were otherwise, rows would be cut in two.
  if (bytes[to - 1] !== newline) throw noRow();
  row(bytes.subarray(from, to - 1));
};

function noRow(): SyncError {
  return new SyncError('system_error', 'Postgres sent a piece of a row.', {
    origin: 'source',
    remedy: 'Report it, with the version of the server and of what is between.',
  });
}
