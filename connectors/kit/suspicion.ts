/** Fewer digits than this always survive a double. */
const digitsExact = 15;
const wideExponent = /\d[eE][+-]?\d{3}/;

/** Bytes that occur in a numeral's digits: 0-9 and the point. */
function isDigit(code: number | undefined): boolean {
  return code !== undefined && ((code >= 48 && code <= 57) || code === 46);
}

/** True when 16 digits stand in a row somewhere. Looks at every 16th byte: a run that long cannot be stepped over. */
export function hasLongNumeral(bytes: Uint8Array): boolean {
  const run = digitsExact + 1;
  for (let i = digitsExact; i < bytes.length; i += run) {
    if (!isDigit(bytes[i])) continue;
    let start = i;
    while (isDigit(bytes[start - 1])) start -= 1;
    let end = i + 1;
    while (isDigit(bytes[end])) end += 1;
    if (end - start >= run) return true;
  }
  return false;
}

/** True when a number in these bytes might not survive a double, or is none (`NaN`). False alarms cost time only. */
export function hasDoubtfulNumber(bytes: Uint8Array): boolean {
  if (hasLongNumeral(bytes)) return true;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.includes('NaN') || buffer.includes('Infinity')) return true;
  return wideExponent.test(buffer.toString('latin1'));
}
