import { chunksOf, type Compression } from './bytes.ts';
import type { Format } from './config.ts';
import { fileError } from './errors.ts';
import type { OpenFile } from './store.ts';

/** Of each file that is sampled, uncompressed bytes. A CSV header must lie within. */
export const headBytesMax = 1024 * 1024;
const magicBytes = 16;

export interface Identity {
  readonly format: Format;
  readonly compression: Compression;
  /** A text file's first bytes, uncompressed and without a byte order mark; empty for Parquet. */
  readonly head: Buffer;
  /** The head is the whole file. */
  readonly isWhole: boolean;
  /** The file begins with a byte order mark of so many bytes. */
  readonly mark: number;
}

/** Formats that are told from the files' own first bytes, as latin1. */
const foreign: readonly (readonly [string, string])[] = [
  ['PK\x03\x04', 'a ZIP archive or an Excel workbook'],
  ['\xd0\xcf\x11\xe0', 'an old Excel workbook'],
  ['%PDF', 'a PDF'],
  ['BZh', 'compressed with bzip2'],
  ['\xfd7zXZ', 'compressed with xz'],
  ['\x04"M\x18', 'compressed with lz4'],
  ['Obj\x01', 'an Avro file'],
  ['ORC', 'an ORC file'],
  ['ARROW1', 'an Arrow file'],
  ['SQLite format 3', 'a SQLite database'],
  ['\x7fELF', 'a program'],
  ['\x89PNG', 'an image'],
  ['\xff\xd8\xff', 'an image'],
];

const byteOrderMark = '\xef\xbb\xbf';

/** Finds out what a file is, by its bytes before its name. Throws where it is not what the config says, or nothing that can be read. */
export async function identify(
  file: OpenFile,
  wanted: Format | undefined,
  headBytes: number = headBytesMax,
): Promise<Identity> {
  const magic = (await file.piece(0, magicBytes)).toString('latin1');
  if (magic.startsWith('PAR1')) return parquet(file, wanted);
  const compression = compressionOf(magic);
  const { bytes, isWhole } = await headOf(file, compression, headBytes);
  const text = bytes.toString('latin1', 0, magicBytes);
  refuseForeign(file, text, compression);
  const format = wanted ?? formatOf(file.name, bytes);
  if (format === 'parquet') throw notParquet(file, wanted !== undefined);
  const mark = text.startsWith(byteOrderMark) ? byteOrderMark.length : 0;
  if (wanted === undefined && format === 'jsonl') refuseList(file, bytes, mark);
  return { format, compression, head: bytes.subarray(mark), isWhole, mark };
}

function compressionOf(magic: string): Compression {
  if (magic.startsWith('\x1f\x8b')) return 'gzip';
  return isZstd(magic) ? 'zstd' : 'none';
}

/** A frame, or one of those that are stepped over. */
const isZstd = (magic: string): boolean =>
  magic.startsWith('\x28\xb5\x2f\xfd') || (/^[P-_]/.test(magic) && magic.startsWith('*M\x18', 1));

async function headOf(
  open: OpenFile,
  compression: Compression,
  bytesMax: number,
): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const chunks = chunksOf(open, compression);
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for (;;) {
      const next = await chunks.next();
      if (next.done === true) return { bytes: Buffer.concat(pieces), isWhole: true };
      pieces.push(next.value);
      size += next.value.byteLength;
      if (size > bytesMax)
        return { bytes: Buffer.concat(pieces).subarray(0, bytesMax), isWhole: false };
    }
  } finally {
    await chunks.return();
  }
}

function parquet(file: OpenFile, wanted: Format | undefined): Identity {
  if (wanted === undefined || wanted === 'parquet')
    return {
      ...{ format: 'parquet', compression: 'none', head: Buffer.alloc(0) },
      ...{ isWhole: false, mark: 0 },
    };
  throw fileError(
    'config_error',
    'A file is a Parquet file.',
    { file: file.name },
    {
      detail: `its stream is configured as ${wanted}`,
      remedy: 'Leave format away, or narrow the glob so that it does not match this file.',
    },
  );
}

function refuseForeign(file: OpenFile, head: string, compression: Compression): void {
  const inside = compression === 'none' ? '' : `${compression} with inside `;
  if (head.startsWith('PAR1') && compression !== 'none')
    throw unreadable(
      file,
      `${inside}a Parquet file`,
      'Decompress it: Parquet is compressed within.',
    );
  if (head.startsWith('\x1f\x8b') || isZstd(head))
    throw unreadable(file, `${inside}a compressed file`, 'Decompress it once.');
  if (/^(?:\xff\xfe|\xfe\xff)/.test(head))
    throw unreadable(file, `${inside}UTF-16 text`, 'Convert it: iconv -f UTF-16 -t UTF-8.');
  const found = foreign.find(([magic]) => head.startsWith(magic));
  if (found === undefined) return;
  throw unreadable(
    file,
    inside + found[1],
    'Convert it to CSV, JSONL or Parquet (compressed with gzip or zstd, if at all), or narrow the glob so that it does not match.',
  );
}

function unreadable(file: OpenFile, what: string, remedy: string): Error {
  return fileError(
    'config_error',
    'A file has a format that is not read.',
    { file: file.name },
    { detail: `it is ${what}`, remedy },
  );
}

function notParquet(file: OpenFile, isConfigured: boolean): Error {
  return fileError(
    'config_error',
    'A file is no Parquet file.',
    { file: file.name },
    {
      detail: isConfigured ? 'its stream is configured as parquet' : 'its name says so',
      remedy: isConfigured
        ? 'Correct format, or narrow the glob so that it does not match this file.'
        : 'Rename it, or set format for the stream.',
    },
  );
}

function refuseList(file: OpenFile, bytes: Buffer, mark: number): void {
  if (firstCharacter(bytes.subarray(mark)) !== '[') return;
  throw fileError(
    'config_error',
    'A file is one JSON list, not JSON lines.',
    { file: file.name, line: 1 },
    { remedy: "Write one object a line: jq -c '.[]' does." },
  );
}

/** By the name; a name that says nothing: by the first character. */
function formatOf(name: string, bytes: Buffer): Format {
  const plain = name.toLowerCase().replace(/\.(gz|gzip|zst|zstd)$/, '');
  if (/\.(csv|tsv)$/.test(plain)) return 'csv';
  if (/\.(jsonl|ndjson|json)$/.test(plain)) return 'jsonl';
  if (plain.endsWith('.parquet')) return 'parquet';
  return firstCharacter(bytes) === '{' ? 'jsonl' : 'csv';
}

const firstCharacter = (bytes: Buffer): string | undefined =>
  /[^\s\uFEFF]/.exec(bytes.subarray(0, 4096).toString())?.[0];
