const shape = /^(-?)0*(\d*?)(?:\.(\d*?)0*)?(?:[eE]([+-]?\d+))?$/;

/** A decimal numeral in one spelling: sign, digits without zeros at either end, power of ten. Equal text means equal value. */
function canonical(numeral: string): string | null {
  const match = shape.exec(numeral);
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const trimmed = digits.replace(/0+$/, '');
  if (trimmed === '') return '0';
  return `${sign}${trimmed}e${Number(exponent) - fraction.length + digits.length - trimmed.length}`;
}

/** The digits that tell every double from its neighbours. */
const doubleDigits = 17;

/**
 * True when a double gives the numeral back: written shortest, or with 17 digits as `%.17g` does. (By value alone, a source that writes
 * doubles with 17 digits would turn every column of measurements into decimals.)
 */
export function fitsDouble(numeral: string): boolean {
  const value = Number(numeral);
  if (!Number.isFinite(value)) return false;
  // Most are written so.
  if (numeral === String(value)) return true;
  const sent = canonical(numeral);
  return sent === canonical(String(value)) || sent === canonical(value.toPrecision(doubleDigits));
}

export const numeralPattern = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
