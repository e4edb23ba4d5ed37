const [newline, quote, backslash] = [10, 34, 92];

/**
 * True when a line nests its brackets deeper than this. The bytes are lines of JSON. What is too short to be that deep is stepped over, which
 * is most.
 */
export function nestsDeeper(bytes: Uint8Array, depthMax: number): boolean {
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    if (end - start > 2 * depthMax && isDeeper(bytes.subarray(start, end), depthMax)) return true;
    start = end + 1;
  }
  return false;
}

/** The same of one value, as text. */
export const valueNestsDeeper = (json: string, depthMax: number): boolean =>
  json.length > depthMax && nestsDeeper(Buffer.from(json), depthMax);

function isDeeper(line: Uint8Array, depthMax: number): boolean {
  let depth = 0;
  for (let i = 0; i < line.length; i += 1) {
    const byte = line[i]!;
    if (byte === quote) i = closingQuote(line, i + 1);
    // `[` and `]` differ from `{` and `}` by this bit only.
    else if ((byte | 0x20) === 0x7b) {
      depth += 1;
      if (depth > depthMax) return true;
    } else if ((byte | 0x20) === 0x7d) depth -= 1;
  }
  return false;
}

/** Of the string whose characters begin at `at`; the end of the line where there is none. */
function closingQuote(line: Uint8Array, at: number): number {
  for (let end = line.indexOf(quote, at); end >= 0; end = line.indexOf(quote, end + 1)) {
    let slashes = 0;
    while (end - slashes > at && line[end - slashes - 1] === backslash) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return line.length;
}
