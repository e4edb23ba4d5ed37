import type { SyncError } from '../../../protocol/index.ts';
import type { StreamConfig } from './config.ts';
import { decodeCell } from './csv.ts';
import { delimiters, firstRow, firstRows, type CsvShape } from './csv-dialect.ts';
import { fileError } from './errors.ts';
import type { Identity } from './identify.ts';

/** Names listed in an error. */
const namesMax = 10;

export interface Header {
  readonly names: readonly string[];
  /** Bytes of the head up to the first record. */
  readonly bytes: number;
}

/** A CSV file's columns; null: it has no row at all. */
export function headerOf(
  file: string,
  { head, isWhole }: Pick<Identity, 'head' | 'isWhole'>,
  shape: CsvShape,
  stream: StreamConfig,
): Header | null {
  const { csv = {} } = stream;
  if (Array.isArray(shape.header)) return { names: shape.header as readonly string[], bytes: 0 };
  const text = head.toString('latin1');
  const first = firstRow(text, isWhole, shape);
  if (first === null) {
    if (text.trim() === '' && isWhole) return null;
    throw noHeader(file);
  }
  const { cells, end } = first;
  refuseUneven(file, text, isWhole, { shape, stream });
  if (shape.header === false) return { names: cells.map((_, i) => `column${i + 1}`), bytes: 0 };
  const names = cells.map((cell, i) => decodeCell(cell, csv.encoding) || `column${i + 1}`);
  refuseWrongDelimiter(file, names, shape, stream);
  const doubled = names.filter((name, i) => names.indexOf(name) < i);
  if (doubled.length > 0) throw doubledNames(file, doubled);
  return { names, bytes: end };
}

function noHeader(file: string): SyncError {
  return fileError(
    'config_error',
    'A CSV file has no header that could be read.',
    { file, line: 1 },
    {
      remedy:
        'See whether a quote is left open in its first row, and set csv.quote or csv.header: false.',
    },
  );
}

/** One column whose name holds what usually stands between columns, or carriage returns where newlines should be. */
function refuseWrongDelimiter(
  file: string,
  names: readonly string[],
  shape: CsvShape,
  stream: StreamConfig,
): void {
  const [only = '', ...others] = names;
  if (only.includes('\r') || others.some((name) => name.includes('\r')))
    throw fileError(
      'config_error',
      'A CSV file ends its lines with carriage returns alone.',
      { file, line: 1 },
      { remedy: "Convert it: tr '\\r' '\\n'." },
    );
  if (others.length > 0) return;
  const held = delimiters.find((one) => one !== shape.delimiter && only.includes(one));
  if (held !== undefined)
    throw otherDelimiter(file, held, `one column, whose name holds ${JSON.stringify(held)}`, {
      ...{ shape, stream },
    });
}

/** Rows that another delimiter cuts into one number of cells, and this one does not. */
function refuseUneven(file: string, text: string, isWhole: boolean, own: Csv): void {
  const cellsOf = (delimiter: string): number => {
    const rows = firstRows(text, isWhole, { ...own.shape, delimiter });
    const cells = rows[0]?.length ?? 0;
    return rows.length > 1 && rows.every((row) => row.length === cells) ? cells : 0;
  };
  if (cellsOf(own.shape.delimiter) > 1) return;
  const held = delimiters.find((one) => one !== own.shape.delimiter && cellsOf(one) > 1);
  if (held === undefined) return;
  const detail = `with ${JSON.stringify(held)} each row has ${cellsOf(held)} cells`;
  throw otherDelimiter(file, held, detail, own);
}

interface Csv {
  readonly shape: CsvShape;
  readonly stream: StreamConfig;
}

function otherDelimiter(
  file: string,
  held: string,
  detail: string,
  { shape, stream }: Csv,
): SyncError {
  return fileError(
    'config_error',
    'A CSV file seems to have another delimiter.',
    { file, line: 1 },
    {
      detail: `${detail}; the delimiter is ${JSON.stringify(shape.delimiter)}`,
      remedy: `If ${JSON.stringify(held)} stands between its cells, ${setting(stream, file, `delimiter: ${JSON.stringify(held)}`)}. Give files with another delimiter a stream of their own. If it is one column of text, name it: header: [text].`,
    },
  );
}

function doubledNames(file: string, doubled: readonly string[]): SyncError {
  return fileError(
    'config_error',
    'Two columns of a CSV file have one name.',
    { file, line: 1 },
    {
      detail: listed(doubled),
      remedy:
        'Rename one in the file, or name all columns in csv.header (then the first row is a record).',
      facts: { columns: doubled.slice(0, namesMax) },
    },
  );
}

/** How a person sets one of `csv` for the stream of a file, which may not be named in their config yet. */
function setting({ name, glob }: StreamConfig, file: string, set: string): string {
  if (glob !== '')
    return `set ${set} in csv of stream ${name}, under streams in the source’s config`;
  const ending = /\.[a-z]+(\.(gz|gzip|zst|zstd))?$/i.exec(file)?.[0] ?? '';
  // Numbers and dates at the end of a name, roughly.
  const own = file.includes('/') ? `${name}/**` : `${name}{,[-_. ]*[0-9]}${ending}`;
  return `name the streams in the source’s config, this one as { name: ${JSON.stringify(name)}, glob: ${JSON.stringify(own)}, csv: { ${set} } } in a list under streams`;
}

/** Refuses a file that lacks columns of the one before it and brings others: a column was renamed, and would silently become two. */
export function refuseRenamed(
  file: string,
  names: readonly string[],
  before: { readonly file: string; readonly names: readonly string[] },
  stream: StreamConfig,
): void {
  const missing = before.names.filter((name) => !names.includes(name));
  const extra = names.filter((name) => !before.names.includes(name));
  if (missing.length === 0 || extra.length === 0) return;
  throw fileError(
    'config_error',
    'The columns of a CSV file differ from those of the file before it.',
    { file, line: 1 },
    {
      detail: `missing: ${listed(missing)}; new: ${listed(extra)}; before it: ${before.file}`,
      remedy: `Rename the columns in the file, or give files of either kind a stream of their own. To have columns for both, ${setting(stream, file, 'header_changes: allow')}.`,
      facts: { missing: missing.slice(0, namesMax), extra: extra.slice(0, namesMax) },
    },
  );
}

function listed(names: readonly string[]): string {
  const more = names.length > namesMax ? `, … (${names.length} in all)` : '';
  return names.slice(0, namesMax).join(', ') + more;
}
