import type { CsvConfig } from './config.ts';
import { BadRow, emptyRow, readRow, type Dialect, type Row } from './csv-rows.ts';
import { kindOfText, union, type Kind } from './kinds.ts';

/** Rows that are looked at. */
const rowsMax = 200;
export const delimiters = [',', ';', '\t', '|'];

/** How a stream's CSV files are written; the same for all of them. */
export interface CsvShape extends Dialect {
  readonly header: boolean | readonly string[];
}

/** One cell of a row. */
export interface Cell {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** The first rows of a file that are not blank. `ended`: the text is the whole file, so that a last line without a newline counts. */
export function firstRows(
  text: string,
  ended: boolean,
  dialect: Dialect,
  max = rowsMax,
): readonly (readonly Cell[])[] {
  const rows: Cell[][] = [];
  for (const { cells, quoted } of rowsIn(text, ended, dialect)) {
    rows.push(cells.map((cell, i) => ({ text: cell, isQuoted: quoted[i]! })));
    if (rows.length >= max) break;
  }
  return rows;
}

/** The first row that is not blank, and where the next one begins. */
export function firstRow(
  text: string,
  ended: boolean,
  dialect: Dialect,
): { readonly cells: readonly string[]; readonly end: number } | null {
  for (const { cells, end } of rowsIn(text, ended, dialect)) return { cells: [...cells], end };
  return null;
}

function* rowsIn(
  text: string,
  ended: boolean,
  dialect: Dialect,
): Generator<Row & { readonly end: number }> {
  const row = emptyRow();
  try {
    for (let at = 0; at < text.length;) {
      at = readRow(text, at, ended, dialect, row);
      if (at < 0) return;
      if (!isBlank(row.cells, row.quoted)) yield { ...row, end: at };
    }
  } catch (error) {
    // A sample is looked at; who reads the file tells what is wrong with it.
    if (!(error instanceof BadRow)) throw error;
  }
}

export const isBlank = (cells: readonly string[], quoted: readonly boolean[]): boolean =>
  cells.length === 1 && cells[0] === '' && quoted[0] === false;

/** The shape of a stream from the head of one of its files; what the config says is not detected. `rows`: how many it was told from. */
export function detectShape(
  text: string,
  ended: boolean,
  csv: CsvConfig,
): { readonly shape: CsvShape; readonly rows: number } {
  const quote = csv.quote ?? '"';
  const delimiter = csv.delimiter ?? detectDelimiter(text, ended, quote);
  const rows = firstRows(text, ended, { delimiter, quote });
  const header = csv.header ?? looksLikeHeader(rows);
  return { shape: { delimiter, quote, header }, rows: rows.length };
}

/** The one that cuts most rows into one number of cells, two at least; then the one that makes more of them. */
function detectDelimiter(text: string, ended: boolean, quote: string): string {
  let best = { delimiter: ',', share: 0, cells: 1 };
  for (const delimiter of delimiters) {
    const rows = firstRows(text, ended, { delimiter, quote });
    const cells = rows[0]?.length ?? 1;
    if (cells < 2) continue;
    const share = rows.filter((row) => row.length === cells).length / rows.length;
    if (share > best.share || (share === best.share && cells > best.cells))
      best = { delimiter, share, cells };
  }
  return best.delimiter;
}

/**
 * False only where there is evidence: a cell of the first row is a number, date or truth value as all below it are, and no cell of it is text
 * over such values.
 */
function looksLikeHeader(rows: readonly (readonly Cell[])[]): boolean {
  const [first = [], ...rest] = rows;
  let isRecord = false;
  for (const [i, { text }] of first.entries()) {
    const below = kindBelow(rest, i);
    if (below === null || below === 'string') continue;
    if (union(kindOfText(text), below) === 'string') return true;
    isRecord = true;
  }
  return !isRecord;
}

function kindBelow(rows: readonly (readonly Cell[])[], column: number): Kind | null {
  let kind: Kind | null = null;
  for (const row of rows) {
    const text = row[column]?.text ?? '';
    if (text !== '') kind = union(kind, kindOfText(text));
  }
  return kind;
}
