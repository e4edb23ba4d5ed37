/**
 * Stands for NULL in the files. The reference does not say whether COPY takes a quoted field for its null text too, so the text is one that no
 * value has: what equals it does not fit (see `fits`).
 */
export const nullText = '<tidemark:null>';

const quoted = (cell: string): string =>
  `"${cell.includes('"') ? cell.replaceAll('"', '""') : cell}"`;

/** A line of CSV as COPY reads it: every value in quotes, so that spaces, commas, line ends and empty texts are part of it. (…/dg/copy-parameters-data-format.html#copy-csv) */
export const csvLine = (_columns: readonly string[], cells: readonly (string | null)[]): string =>
  `${cells.map((cell) => (cell === null ? nullText : quoted(cell))).join(',')}\n`;
