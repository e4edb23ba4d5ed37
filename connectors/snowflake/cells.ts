import { tokensOf } from '../kit/json-scan.ts';
import { fitsDouble, numeralPattern } from '../kit/numbers.ts';
import { decimalFit, jsonFit, textOf, type Fit } from '../kit/rows/fit.ts';
import { doubleText } from '../kit/rows/numerals.ts';
import type { NumberTypes } from '../kit/rows/observe.ts';
import type { CellTypes } from '../kit/rows/rows.ts';
import { dateText, losesNanos, timestampText, timeText } from '../kit/rows/times.ts';
import { digitsMax, digitsOf, isOfNumbers, textBytesMax, widerType } from './types.ts';

const microDigits = 6;

/** How values become a column's. Of a type that we never make (a person altered the column) only what it keeps exactly fits. */
export function fitOf(type: string): Fit {
  const number = digitsOf(type);
  if (number !== null) return decimalFit(number);
  const [, name = type, size] = /^(\w+)(?:\((\d+)\))?$/.exec(type) ?? [];
  const digits = size === undefined ? microDigits : Number(size);
  switch (name) {
    case 'VARCHAR':
      return size === undefined ? textFit : boundedFit(Number(size));
    case 'BOOLEAN':
      return (json) => booleans.get(textOf(json)) ?? null;
    case 'FLOAT':
      return (json) => doubleText(textOf(json));
    case 'DATE':
      return (json) => dateText(textOf(json));
    case 'TIMESTAMP_NTZ':
      return (json) => timestampText(textOf(json), false, digits);
    case 'TIMESTAMP_TZ':
      // With a T there are formats for both, with a fraction and without: see `cast`.
      return (json) => timestampText(textOf(json), true, digits)?.replace(' ', 'T') ?? null;
    case 'TIME':
      return (json) => timeFit(textOf(json), digits);
    case 'VARIANT':
      return variantFit;
    default:
      return () => null;
  }
}

const booleans = new Map(['true', 'false'].map((word) => [word, word]));

const textFit: Fit = (json) => {
  const text = textOf(json);
  // A character of JavaScript has at most three bytes.
  const fits = text.length * 3 <= textBytesMax || Buffer.byteLength(text) <= textBytesMax;
  return fits ? text : null;
};

/** Its length is in characters. */
const boundedFit =
  (charsMax: number): Fit =>
  (json) => {
    const text = textFit(json);
    return text !== null && Array.from(text).length <= charsMax ? text : null;
  };

/** The end of a day is no time of theirs (docs.snowflake.com: sql-reference/data-types-datetime). */
function timeFit(text: string, digits: number): string | null {
  const time = timeText(text, digits);
  return time === null || time.startsWith('24') ? null : time;
}

/**
 * A VARIANT keeps a number without an exponent as a decimal of 38 digits, any other as a double (docs.snowflake.com:
 * sql-reference/functions/parse_json): what it would round does not fit.
 */
const variantFit: Fit = (json) => {
  if (json.length > textBytesMax / 3 && Buffer.byteLength(json) > textBytesMax) return null;
  if (jsonFit(json) === null) return null;
  for (const token of tokensOf(json)) if (numeralPattern.test(token) && !isKept(token)) return null;
  return json;
};

function isKept(numeral: string): boolean {
  // As it stands: zeros at the end of a fraction count too.
  const [, whole, fraction = ''] = /^-?(\d+)(?:\.(\d+))?$/.exec(numeral) ?? [];
  const isDecimal =
    whole !== undefined &&
    fraction.length < digitsMax &&
    (whole === '0' ? 0 : whole.length) + fraction.length <= digitsMax;
  return isDecimal || fitsDouble(numeral);
}

export const cells: CellTypes & NumberTypes = {
  fitOf,
  isCut: (type, json) => type.startsWith('TIME') && losesNanos(json),
  ...{ isOfNumbers, widerType },
};
