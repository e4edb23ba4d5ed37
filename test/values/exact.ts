// What values are equal by, without any code of the connectors.

/** A decimal numeral in one spelling; null: it is none. Zero has no sign. DuckDB leaves out a zero before the point. */
export function numeralOf(text: string): string | null {
  const match = /^(-?)(\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null || (match[2] === '' && match[3] === undefined)) return null;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = BigInt(exponent) - BigInt(fraction.length - (digits.length - significant.length));
  return `${sign}${significant}e${power}`;
}

/** A JSON text in one spelling: keys sorted, of a key given twice the last, numbers by their value. null: no JSON. */
export function jsonOf(text: string): string | null {
  try {
    const reader = new JsonReader(text);
    return reader.whole();
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

class JsonReader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    const token = /\s*("(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+)\s*/sy;
    const tokens: string[] = [];
    while (token.lastIndex < text.length) {
      const match = token.exec(text);
      if (match === null) throw new SyntaxError('no token');
      tokens.push(match[1]!);
    }
    this.#tokens = tokens;
  }

  whole(): string {
    const value = this.#value();
    if (this.#at < this.#tokens.length) throw new SyntaxError('more than a value');
    return value;
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new SyntaxError('too short');
    this.#at += 1;
    return token;
  }

  #value(): string {
    const token = this.#next();
    if (token === '{') return this.#object();
    if (token === '[') return this.#list();
    if (token.startsWith('"')) return JSON.stringify(JSON.parse(token));
    if (['true', 'false', 'null'].includes(token)) return token;
    const numeral = numeralOf(token);
    if (numeral === null) throw new SyntaxError('no number');
    return numeral;
  }

  #object(): string {
    const members = new Map<string, string>();
    if (this.#tokens[this.#at] === '}') this.#at += 1;
    else
      for (let token = ','; token !== '}'; token = this.#next()) {
        if (token !== ',') throw new SyntaxError('no comma');
        const key = JSON.stringify(JSON.parse(this.#next()));
        if (this.#next() !== ':') throw new SyntaxError('no colon');
        members.set(key, this.#value());
      }
    const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${sorted.map(([key, value]) => `${key}:${value}`).join(',')}}`;
  }

  #list(): string {
    const items: string[] = [];
    if (this.#tokens[this.#at] === ']') this.#at += 1;
    else
      for (let token = ','; token !== ']'; token = this.#next()) {
        if (token !== ',') throw new SyntaxError('no comma');
        items.push(this.#value());
      }
    return `[${items.join(',')}]`;
  }
}

const clockPattern = '(\\d{2}):(\\d{2})(?::(\\d{2})(?:[.,](\\d+))?)?';
const zonePattern = '(?:\\s?(Z|UTC)|\\s?([+-])(\\d{2})(?::?(\\d{2})(?::?(\\d{2}))?)?)?';
const dayPattern = '([+-]?\\d{4,7})-(\\d{2})-(\\d{2})(?:\\s\\((BC)\\))?';
const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`, 'i');
const instantPattern = whole(`${dayPattern}(?:[T ]${clockPattern}${zonePattern})?(\\s\\(?BC\\)?)?`);
const timePattern = whole(`${clockPattern}${zonePattern}`);

const [nanosPerSecond, secondsPerDay] = [1_000_000_000n, 86_400n];

/** Nanoseconds since 1970 of a day or a time in UTC (or, without a zone, as if it were); null: there is no such instant. */
export function instantOf(text: string): bigint | null {
  const match = instantPattern.exec(text);
  if (match === null) return null;
  const [, year, month, day, bc, ...rest] = match;
  const days = daysOf(yearOf(year!, bc ?? rest.at(-1)), Number(month), Number(day));
  const time = rest[0] === undefined ? 0n : clockOf(rest);
  if (days === null || time === null) return null;
  return days * secondsPerDay * nanosPerSecond + time - zoneOf(rest);
}

/** Nanoseconds since midnight where its zone is, and that zone's offset; null: there is no such time. */
export function timeOf(text: string): { readonly nanos: bigint; readonly zone: bigint } | null {
  const match = timePattern.exec(text);
  if (match === null) return null;
  const rest = match.slice(1);
  const nanos = clockOf(rest);
  return nanos === null ? null : { nanos, zone: zoneOf(rest) };
}

type Groups = readonly (string | undefined)[];

/** 24:00:00 is an instant, a 61st second is not the one after it. */
function clockOf([hour, minute, second = '0', fraction = '']: Groups): bigint | null {
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  const nanos = BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  const isMidnight = h === 24 && m === 0 && s === 0 && nanos === 0n;
  if ((h > 23 && !isMidnight) || m > 59 || s > 59) return null;
  return BigInt(h * 3600 + m * 60 + s) * nanosPerSecond + nanos;
}

function zoneOf([, , , , , sign, hours = '0', minutes = '0', seconds = '0']: Groups): bigint {
  const offset = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return BigInt(sign === '-' ? -offset : offset) * nanosPerSecond;
}

/** Year 0 is 1 BC. */
const yearOf = (year: string, bc: string | undefined): number =>
  bc === undefined ? Number(year) : 1 - Number(year);

/** Days since 1970 in the Gregorian calendar without a beginning. */
function daysOf(year: number, month: number, day: number): bigint | null {
  // Years of JavaScript's dates end at 275760; the calendar repeats after 400.
  const cycles = Math.floor(year / 400) - 5;
  const date = new Date(Date.UTC(year - cycles * 400, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  return BigInt(date.getTime()) / 86_400_000n + BigInt(cycles) * 146_097n;
}
