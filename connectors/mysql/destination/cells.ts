import { depthMax } from '../../kit/repair.ts';
import { nestsDeeper } from '../../kit/depth.ts';
import { tokensOf } from '../../kit/json-scan.ts';
import { fitsDouble, numeralPattern } from '../../kit/numbers.ts';
import { doubleText, plainNumeral } from './numerals.ts';
import { dateText, losesNanos, timestampText, timeText } from './times.ts';
import { marks, parseType, type SqlType } from './types.ts';

/** A value's JSON text as its column takes it; null: it does not fit. Never called with `null` itself. */
export type Fit = (json: string) => string | null;

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
      return decimalFit(parsed);
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

/** Of a value that fits: what is below the microsecond is gone. */
export const isCut = (type: string, json: string): boolean =>
  /^(datetime|time)\b/.test(type) && losesNanos(json);

/** The characters of a text; of anything else the JSON that stands there. */
const textOf = (json: string): string =>
  json.startsWith('"')
    ? json.includes('\\')
      ? (JSON.parse(json) as string)
      : json.slice(1, -1)
    : json;

const booleans: Readonly<Record<string, string>> = {
  __proto__: null,
  true: '1',
  false: '0',
} as never;

const jsonFit: Fit = (json) => (nestsDeeper(Buffer.from(json), depthMax) ? null : json);

/** Bits. */
const integers: Readonly<Record<string, number>> = {
  ...{ tinyint: 8, smallint: 16, mediumint: 24, int: 32, bigint: 64 },
};
/** Integers of so many characters are in 64 bits. */
const safeChars = 18;

function integerFit(bits: number, unsigned: boolean): Fit {
  const size = 1n << BigInt(bits);
  const [least, most] = unsigned ? [0n, size - 1n] : [-size / 2n, size / 2n - 1n];
  const isBig = bits === 64 && !unsigned;
  return (json) => {
    if (isBig && json.length <= safeChars && /^-?[0-9]+$/.test(json)) return json;
    const text = plainNumeral(textOf(json), { whole: 20, scale: 0 });
    if (text === null) return null;
    const value = BigInt(text);
    return value >= least && value <= most ? String(value) : null;
  };
}

function decimalFit({ sizes: [precision = 10, scale = 0], unsigned }: SqlType): Fit {
  const digits = { whole: precision - scale, scale };
  return (json) => {
    const text = plainNumeral(textOf(json), digits);
    return text === null || (unsigned && text.startsWith('-')) ? null : text;
  };
}

const mysqlDepthMax = 100;

/** MySQL's own JSON keeps numbers as doubles and integers of 64 bits, and is no deeper than this. */
const binaryJsonFit: Fit = (json) => {
  if (nestsDeeper(Buffer.from(json), mysqlDepthMax)) return null;
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
