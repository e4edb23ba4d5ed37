/** The rows of CSV as COPY reads it: a comma between values, quotes around what has commas, quotes or line ends, and doubled within. */
export function* csvRows(bytes: Buffer): Generator<string[]> {
  const text = bytes.toString('utf8');
  let at = 0;
  while (at < text.length) {
    const cells: string[] = [];
    for (;;) {
      const { cell, next } = text[at] === '"' ? quoted(text, at + 1) : bare(text, at);
      cells.push(cell);
      at = next + 1;
      if (text[next] !== ',') break;
    }
    yield cells;
  }
}

interface Cell {
  readonly cell: string;
  /** Where what ends it stands. */
  readonly next: number;
}

function quoted(text: string, from: number): Cell {
  let cell = '';
  let at = from;
  for (;;) {
    const end = text.indexOf('"', at);
    if (end < 0) throw new Error('a quote that is not closed');
    cell += text.slice(at, end);
    if (text[end + 1] !== '"') return { cell, next: end + 1 };
    cell += '"';
    at = end + 2;
  }
}

function bare(text: string, from: number): Cell {
  let next = from;
  while (next < text.length && text[next] !== ',' && text[next] !== '\n') next += 1;
  return { cell: text.slice(from, next), next };
}
