import { fitsDouble } from '../numbers.ts';
import { textPatterns } from '../text-patterns.ts';

/** What a column's numbers need: digits before the point and after it. */
export interface Digits {
  readonly whole: number;
  readonly scale: number;
}

const numeral = new RegExp(`^${textPatterns.numeral}$`);
const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** A number without its spelling: `digits` without zeros at either end, the point after `point` of them. */
interface Exact {
  readonly sign: string;
  readonly digits: string;
  readonly point: number;
}

/** null: the text is no numeral, as records spell them. */
function exactOf(text: string): Exact | null {
  if (!numeral.test(text)) return null;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts.exec(text)!;
  const all = whole + fraction;
  const significant = all.replace(/^0+/, '');
  const digits = significant.replace(/0+$/, '');
  if (digits === '') return { sign: '', digits, point: 0 };
  return {
    sign,
    digits,
    point: whole.length + Number(exponent) - (all.length - significant.length),
  };
}

/** As most are written: nothing to leave out but the zero before a point. */
const usual = /^-?(?:0|([1-9]\d*))(?:\.(\d*[1-9]))?$/;

/** null: the text is no numeral. */
export function digitsOf(text: string): Digits | null {
  const match = usual.exec(text);
  if (match !== null) return { whole: match[1]?.length ?? 0, scale: match[2]?.length ?? 0 };
  const exact = exactOf(text);
  if (exact === null) return null;
  return { whole: Math.max(0, exact.point), scale: Math.max(0, exact.digits.length - exact.point) };
}

/** The numeral without an exponent; null where it needs more digits than these, or is none. */
export function plainNumeral(text: string, { whole, scale }: Digits): string | null {
  const exact = exactOf(text);
  if (exact === null) return null;
  const { sign, digits, point } = exact;
  if (point > whole || digits.length - point > scale) return null;
  if (digits === '') return '0';
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  const front = digits.slice(0, point).padEnd(point, '0');
  const rest = digits.slice(point);
  return `${sign}${front}${rest === '' ? '' : `.${rest}`}`;
}

/** A double's text; null: it would be another number, or it is none. */
export const doubleText = (text: string): string | null =>
  numeral.test(text) && fitsDouble(text) ? String(Number(text)) : null;
