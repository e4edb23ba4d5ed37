import { lastOfKeys } from '../kit/json-keys.ts';
import { tokensOf } from '../kit/json-scan.ts';
import { fitsDouble, numeralPattern } from '../kit/numbers.ts';
import { decimalFit, integerFit, jsonFit, textOf, type Fit } from '../kit/rows/fit.ts';
import { doubleText } from '../kit/rows/numerals.ts';
import { dateText, losesNanos, timestampText, timeText } from '../kit/rows/times.ts';
import { textPatterns } from '../kit/text-patterns.ts';
import { nullText } from './line.ts';
import { parseType, textBytesMax } from './types.ts';

/** How values become a column's. Of a type that we never make (a person made the column) only what it keeps exactly fits. */
export function fitOf(type: string): Fit {
  const { name, sizes } = parseType(type);
  const bits = integers[name];
  if (bits !== undefined) return integerFit(bits);
  switch (name) {
    case 'character varying':
      return textFit(Math.min(sizes[0] ?? 0, textBytesMax));
    case 'boolean':
      return (json) => (/^"?(?:true|false)"?$/.test(json) ? textOf(json) : null);
    case 'numeric':
      return decimalFit({ whole: (sizes[0] ?? 0) - (sizes[1] ?? 0), scale: sizes[1] ?? 0 });
    case 'double precision':
      return (json) => normal(doubleText(textOf(json)));
    case 'date':
      return (json) => dateText(textOf(json));
    case 'timestamp without time zone':
      return (json) => timestampText(textOf(json), false, 6);
    case 'timestamp with time zone':
      return (json) => timestampText(textOf(json), true, 6);
    case 'time without time zone':
      return (json) => timeText(textOf(json), 6);
    case 'time with time zone':
      return (json) => zonedTimeText(textOf(json));
    case 'super':
      return superFit;
    default:
      return () => null;
  }
}

/** Of a value that fits: what is below the microsecond is gone. */
export const isCut = (type: string, json: string): boolean =>
  type.startsWith('time') && losesNanos(json);

/** Bits. */
const integers: Readonly<Record<string, number>> = { smallint: 16, integer: 32, bigint: 64 };

/** Without a NUL, which ends the record for COPY, and none that stands for NULL in the files. */
const isLoadable = (text: string, bytesMax: number): boolean =>
  !text.includes('\0') &&
  text !== nullText &&
  // No character of a string's has more than three.
  (text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax);

function textFit(bytesMax: number): Fit {
  return (json) => {
    const text = textOf(json);
    return isLoadable(text, bytesMax) ? text : null;
  };
}

const leastNormal = 2.2250738585072014e-308;

/** Smaller numbers are out of range. (…/dg/r_Numeric_types201.html) */
const normal = (text: string | null): string | null =>
  text !== null && (Number(text) === 0 || Math.abs(Number(text)) >= leastNormal) ? text : null;

const zoned = new RegExp(`^${textPatterns.timetz}$`);
const zoneParts = /^([\d:.]+) ?(?:[Zz]|([+-]\d\d):?(\d\d)?)?$/;
const offsetHoursMax = 14;

/** Without a zone it is UTC's. The range ends at 14:59 from UTC, and what it has of 24:00 is not told. (…/dg/r_Datetime_types.html) */
function zonedTimeText(text: string): string | null {
  if (!zoned.test(text)) return null;
  const [, clock = '', hours = '+00', minutes = '00'] = zoneParts.exec(text) ?? [];
  const time = timeText(clock, 6);
  if (time === null || time.startsWith('24')) return null;
  if (Math.abs(Number(hours)) > offsetHoursMax || Number(minutes) > 59) return null;
  return `${time}${hours}:${minutes}`;
}

/** Within it, characters that a text of Redshift has not. (…/dg/copy-parameters-data-conversion.html) */
const nulEscape = /\\u0000/;

/**
 * As the reference has it, a number in a SUPER is an integer of 64 bits, a decimal or a double: what one of the first and the last keeps fits for
 * certain. Loaded as a text, it may have no more bytes than one. What becomes of a key that an object has twice is not told, so none does.
 * (…/dg/r_SUPER_type.html, …/dg/limitations-super.html)
 */
export const superFit: Fit = (json) => {
  if (jsonFit(json) === null || nulEscape.test(json) || !isLoadable(json, textBytesMax))
    return null;
  for (const token of tokensOf(json))
    if (numeralPattern.test(token) && !/^-?\d{1,18}$/.test(token))
      if (!fitsDouble(token) || normal(String(Number(token))) === null) return null;
  return lastOfKeys(json);
};
