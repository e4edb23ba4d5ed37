import { valueNestsDeeper } from '../depth.ts';
import { depthMax } from '../repair.ts';
import { plainNumeral, type Digits } from './numerals.ts';

/** A value's JSON text as its column takes it; null: it does not fit. Never called with `null` itself. */
export type Fit = (json: string) => string | null;

/** The characters of a text; of anything else the JSON that stands there. */
export const textOf = (json: string): string =>
  json.startsWith('"')
    ? json.includes('\\')
      ? (JSON.parse(json) as string)
      : json.slice(1, -1)
    : json;

/** For a column of JSON whose system keeps it as it stands. */
export const jsonFit: Fit = (json) => (valueNestsDeeper(json, depthMax) ? null : json);

/** Integers of so many characters are in 64 bits. */
const safeChars = 18;

/** Of so many bits. */
export function integerFit(bits: number, unsigned = false): Fit {
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

/** With so many digits before the point and after it. */
export const decimalFit =
  (digits: Digits): Fit =>
  (json) =>
    plainNumeral(textOf(json), digits);
