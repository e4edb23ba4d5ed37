import { isUtf8 } from 'node:buffer';
import { SyncError } from '../../../protocol/index.ts';
import type { ColumnKind } from '../columns.ts';
import { asBytesText } from '../json-scan.ts';
import type { CsvConfig } from './config.ts';
import { cellWriter, type CellWriter } from './csv-cells.ts';
import { isBlank } from './csv-dialect.ts';
import { BadRow, emptyRow, readRow, type Dialect, type Row } from './csv-rows.ts';
import { blockBytesMax, type Envelope } from './envelope.ts';
import { fileError } from './errors.ts';
import { notUtf8, notUtf8Error, type Found, type TextFormat } from './text.ts';
import type { Window } from './window.ts';

const newline = 10;

export interface CsvOptions {
  readonly file: string;
  readonly dialect: Dialect;
  readonly csv: CsvConfig;
  /** The columns' names, in the file's order. */
  readonly columns: readonly string[];
  /** By column; absent: string. */
  readonly kinds: ReadonlyMap<string, ColumnKind>;
  readonly envelope: Envelope;
}

interface Column {
  /** `,"name":`; of the first column without the comma. */
  readonly key: string;
  readonly write: CellWriter;
}

/** Rows as records. Blank lines are stepped over. */
export function csvFormat(options: CsvOptions): TextFormat {
  const { csv, kinds, envelope } = options;
  const nulls = new Set((csv.null_values ?? ['']).map(asBytesText));
  const decode = decoderOf(csv.encoding ?? 'utf-8');
  const columns = options.columns.map((name, i): Column => {
    const key = asBytesText(`${i === 0 ? '' : ','}${JSON.stringify(name)}:`);
    return { key, write: cellWriter(kinds.get(name) ?? 'string', nulls) };
  });
  const own = envelope.columns === '' ? '' : `,${envelope.columns}`;
  const row = emptyRow();
  // Pieces, which are joined once a block.
  const write = (out: string[], tail: string): number => {
    let size = envelope.head.length + own.length + tail.length;
    out.push(envelope.head);
    for (let i = 0; i < columns.length; i += 1) {
      const column = columns[i]!;
      const cell = decode === null ? row.cells[i]! : decode(row.cells[i]!);
      const value = column.write(cell, row.quoted[i]!);
      size += column.key.length + value.length;
      out.push(column.key, value);
    }
    out.push(own, tail);
    return size;
  };
  let seen: Seen = { text: '', at: 0, ended: false, isUtf8: true };
  return {
    find(window, recordsMax, ended) {
      seen = see(window, seen, { ended, encoding: csv.encoding ?? 'utf-8' });
      return find({ options, window, seen, row, write }, recordsMax);
    },
  };
}

/** A window as text, kept while only its beginning is consumed. */
interface Seen {
  readonly text: string;
  /** Offset of its first byte in the file. */
  readonly at: number;
  /** It ends where the file ends. */
  readonly ended: boolean;
  /** Its rows are. */
  readonly isUtf8: boolean;
}

function see(
  { bytes, at }: Window,
  seen: Seen,
  { ended, encoding }: { readonly ended: boolean; readonly encoding: string },
): Seen {
  const isSame = seen.text !== '' && seen.at + seen.text.length === at + bytes.byteLength;
  if (isSame && seen.ended === ended) return seen;
  // A character may be cut at the end, but not before a newline.
  const rows = ended ? bytes : bytes.subarray(0, bytes.lastIndexOf(newline) + 1);
  const isValid = encoding !== 'utf-8' || isUtf8(rows);
  return { text: bytes.toString('latin1'), at, ended, isUtf8: isValid };
}

interface Finding {
  readonly options: CsvOptions;
  readonly window: Window;
  readonly seen: Seen;
  readonly row: Row;
  /** Adds the row as a RECORD line, in pieces; answers their length. */
  readonly write: (out: string[], tail: string) => number;
}

function find(finding: Finding, recordsMax: number): Found {
  const { options, window, seen, row, write } = finding;
  const { dialect, columns, envelope } = options;
  const { text, ended } = seen;
  const tail = envelope.tail(Date.now());
  const start = window.at - seen.at;
  const out: string[] = [];
  let [at, size, records] = [start, 0, 0];
  const result = (failure: SyncError | null): Found => ({
    ...{ text: out.join(''), records, bytes: at - start, failure },
  });
  try {
    while (records < recordsMax && size < blockBytesMax && at < text.length) {
      const next = readRow(text, at, ended, dialect, row);
      if (next < 0) break;
      if (!isBlank(row.cells, row.quoted)) {
        if (!seen.isUtf8) refuseOtherBytes(finding, at, next);
        if (row.cells.length !== columns.length)
          return result(cellsError(options, row.cells.length, lineOf(finding, at)));
        size += write(out, tail);
        records += 1;
      }
      at = next;
    }
  } catch (error) {
    return result(asRowError(error, finding, at));
  }
  return result(null);
}

/** The line of a position in the text. */
function lineOf({ window, seen: { text, at } }: Finding, position: number): number {
  let line = window.lines + 1;
  const start = window.at - at;
  for (let i = text.indexOf('\n', start); i >= 0 && i < position; i = text.indexOf('\n', i + 1))
    line += 1;
  return line;
}

const columnOf = ({ seen: { text } }: Finding, position: number): number =>
  position === 0 ? 1 : position - text.lastIndexOf('\n', position - 1);

function cellsError({ file, columns, dialect }: CsvOptions, got: number, line: number): SyncError {
  const delimiter = JSON.stringify(dialect.delimiter);
  return fileError(
    'config_error',
    'A row of a CSV file has more or fewer cells than there are columns.',
    { file, line },
    {
      detail: `expected ${columns.length}, got ${got}`,
      remedy:
        got > columns.length
          ? `Put cells that hold the delimiter ${delimiter} in quotes, or set csv.delimiter.`
          : `Complete the row (empty cells are written too), or set csv.delimiter (it is ${delimiter}) or csv.quote.`,
      facts: { expected: columns.length, got },
    },
  );
}

function refuseOtherBytes(finding: Finding, from: number, to: number): void {
  const bytes = Buffer.from(finding.seen.text.slice(from, to), 'latin1');
  if (isUtf8(bytes)) return;
  const at = from + notUtf8(bytes);
  throw notUtf8Error(
    finding.options.file,
    lineOf(finding, at),
    columnOf(finding, at),
    'Set csv.encoding to what the file is in, most often windows-1252.',
  );
}

function asRowError(error: unknown, finding: Finding, at: number): SyncError {
  if (error instanceof SyncError) return error;
  const { file, csv } = finding.options;
  if (error instanceof Undecodable)
    return fileError(
      'config_error',
      'A cell of a CSV file is not in its encoding.',
      { file, line: lineOf(finding, at) },
      { detail: csv.encoding ?? 'utf-8', remedy: 'Correct csv.encoding.', cause: error },
    );
  if (!(error instanceof BadRow)) throw error;
  const spot = { file, line: lineOf(finding, error.at), column: columnOf(finding, error.at) };
  if (error.what === 'open quote')
    return fileError('config_error', 'A quote in a CSV file is never closed.', spot, {
      remedy:
        'Close it. If quotes are text in this file, set csv.quote to another character or to "".',
    });
  return fileError('config_error', 'A CSV file has text after a closing quote.', spot, {
    remedy:
      'Double quotes inside of a quoted cell (""). If quotes are text in this file, set csv.quote to another character or to "".',
  });
}

class Undecodable extends Error {
  override readonly name = 'Undecodable';
}

/** null: nothing to do. Cells without letters beyond ASCII are left as they are. */
function decoderOf(encoding: string): ((cell: string) => string) | null {
  if (encoding === 'utf-8') return null;
  const decoder = new TextDecoder(encoding, { fatal: true });
  return (cell) => {
    if (!/[\x80-\xff]/.test(cell)) return cell;
    try {
      return asBytesText(decoder.decode(Buffer.from(cell, 'latin1')));
    } catch (cause) {
      throw new Undecodable(encoding, { cause });
    }
  };
}

/** A cell's text, decoded. */
export function decodeCell(cell: string, encoding: string | undefined): string {
  const decode = decoderOf(encoding ?? 'utf-8');
  return Buffer.from(decode === null ? cell : decode(cell), 'latin1').toString();
}
