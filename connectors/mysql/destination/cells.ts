import { valueNestsDeeper } from '../../kit/depth.ts';
import { tokensOf } from '../../kit/json-scan.ts';
import { fitsDouble, numeralPattern } from '../../kit/numbers.ts';
import { decimalFit, integerFit, jsonFit, textOf, type Fit } from '../../kit/rows/fit.ts';
import { doubleText } from '../../kit/rows/numerals.ts';
import type { NumberTypes } from '../../kit/rows/observe.ts';
import { dateText, losesNanos, timestampText, timeText } from '../../kit/rows/times.ts';
import { marks, parseType, widerType, type SqlType } from './types.ts';

/** How values become a column's. Of a type that we never make (a person altered the column) only what it keeps exactly fits. */
export function fitOf(type: string): Fit {
  const parsed = parseType(type);
  const { name, sizes, unsigned, mark } = parsed;
  const integer = integers[name];
  if (type === 'tinyint(1)') return (json) => booleans[textOf(json)] ?? null;
  if (integer !== undefined) return integerFit(integer, unsigned);
  switch (name) {
    case 'longtext':
      return mark === marks.json ? jsonFit : textOf;
    case 'decimal':
      return ownDecimalFit(parsed);
    case 'double':
      return (json) => doubleText(textOf(json));
    case 'date':
      return (json) => dateText(textOf(json));
    case 'datetime':
      return (json) => timestampText(textOf(json), mark === marks.utc, sizes[0] ?? 0);
    case 'time':
      return (json) => timeText(textOf(json), sizes[0] ?? 0);
    case 'json':
      return binaryJsonFit;
    default:
      return boundedText(parsed);
  }
}

export const numberTypes: NumberTypes = {
  isOfNumbers: (type) => /^(bigint|double|decimal)\b/.test(type),
  fitOf,
  widerType,
};

/** Of a value that fits: what is below the microsecond is gone. */
export const isCut = (type: string, json: string): boolean =>
  /^(datetime|time)\b/.test(type) && losesNanos(json);

const booleans: Readonly<Record<string, string>> = {
  __proto__: null,
  true: '1',
  false: '0',
} as never;

/** Bits. */
const integers: Readonly<Record<string, number>> = {
  ...{ tinyint: 8, smallint: 16, mediumint: 24, int: 32, bigint: 64 },
};
function ownDecimalFit({ sizes: [precision = 10, scale = 0], unsigned }: SqlType): Fit {
  const fit = decimalFit({ whole: precision - scale, scale });
  return (json) => {
    const text = fit(json);
    return unsigned && text?.startsWith('-') === true ? null : text;
  };
}

const mysqlDepthMax = 100;

/** MySQL's own JSON keeps numbers as doubles and integers of 64 bits, and is no deeper than this. */
const binaryJsonFit: Fit = (json) => {
  if (valueNestsDeeper(json, mysqlDepthMax)) return null;
  for (const token of tokensOf(json))
    if (numeralPattern.test(token) && !fitsDouble(token) && !/^-?\d{1,18}$/.test(token))
      return null;
  return json;
};

/** Bytes. */
const texts: Readonly<Record<string, number>> = {
  ...{ tinytext: 2 ** 8 - 1, text: 2 ** 16 - 1, mediumtext: 2 ** 24 - 1 },
};

/** Texts of a bounded length that a person made of a column. Any other type takes nothing. */
function boundedText({ name, sizes: [charsMax = 0] }: SqlType): Fit {
  const bytesMax = texts[name];
  if (bytesMax !== undefined)
    return (json) => (Buffer.byteLength(textOf(json)) <= bytesMax ? textOf(json) : null);
  if (name !== 'varchar') return () => null;
  return (json) => (Array.from(textOf(json)).length <= charsMax ? textOf(json) : null);
}
