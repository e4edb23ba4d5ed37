/** How cells and rows are told apart. One ASCII character each; `quote` empty: no cell is quoted. */
export interface Dialect {
  readonly delimiter: string;
  readonly quote: string;
}

/** A row's cells as they are meant, one character a byte, and which of them stood in quotes. Used again for the next row. */
export interface Row {
  readonly cells: string[];
  readonly quoted: boolean[];
}

export const emptyRow = (): Row => ({ cells: [], quoted: [] });

/** What is wrong at a position of the text. */
export class BadRow extends Error {
  override readonly name = 'BadRow';
  readonly at: number;
  readonly what: 'open quote' | 'after quote';

  constructor(what: BadRow['what'], at: number) {
    super(what);
    this.what = what;
    this.at = at;
  }
}

const [newline, carriageReturn] = [10, 13];

/**
 * Reads the row that begins at `start`, and answers where the next one does; -1: the text ends before the row does (never where `ended`, the
 * end of the file). Rows end in `\n` or `\r\n`; a quote inside an unquoted cell is text. Throws BadRow. (No library for it: of those that
 * are kept well none tells a null from an empty string at more than 3 MB/s.)
 */
export function readRow(
  text: string,
  start: number,
  ended: boolean,
  { delimiter, quote }: Dialect,
  { cells, quoted }: Row,
): number {
  cells.length = 0;
  quoted.length = 0;
  const [split, wrap] = [delimiter.charCodeAt(0), quote === '' ? -1 : quote.charCodeAt(0)];
  for (let at = start; ;) {
    const isQuoted = text.charCodeAt(at) === wrap;
    let end = at;
    if (isQuoted) {
      end = closingQuote(text, at, ended, quote);
      if (end < 0) return -1;
      cells.push(unquoted(text, at, end, quote));
      end += 1;
    } else {
      end = cellEnd(text, at, split);
      cells.push(text.slice(at, textEnd(text, at, end)));
    }
    quoted.push(isQuoted);
    const c = text.charCodeAt(end);
    if (c === split) {
      at = end + 1;
      continue;
    }
    if (c === newline) return end + 1;
    if (c === carriageReturn && text.charCodeAt(end + 1) === newline) return end + 2;
    const isAtEnd = end >= text.length || (c === carriageReturn && end + 1 >= text.length);
    if (!isAtEnd) throw new BadRow('after quote', end);
    return ended ? text.length : -1;
  }
}

/** Of an unquoted cell: the delimiter, the newline or the end of the text. */
function cellEnd(text: string, at: number, split: number): number {
  for (let i = at; i < text.length; i += 1) {
    const c = text.charCodeAt(i);
    if (c === split || c === newline) return i;
  }
  return text.length;
}

/** A carriage return belongs to the newline after it. */
function textEnd(text: string, at: number, end: number): number {
  const isLast = end >= text.length || text.charCodeAt(end) === newline;
  return isLast && end > at && text.charCodeAt(end - 1) === carriageReturn ? end - 1 : end;
}

/** -1: the text ends before, or in a quote that may be the first of two. */
function closingQuote(text: string, at: number, ended: boolean, quote: string): number {
  for (let i = at + 1; ;) {
    const found = text.indexOf(quote, i);
    if (found < 0) {
      if (ended) throw new BadRow('open quote', at);
      return -1;
    }
    if (found + 1 === text.length && !ended) return -1;
    if (text[found + 1] !== quote) return found;
    i = found + 2;
  }
}

function unquoted(text: string, at: number, end: number, quote: string): string {
  const inner = text.slice(at + 1, end);
  return inner.includes(quote) ? inner.replaceAll(quote + quote, quote) : inner;
}
