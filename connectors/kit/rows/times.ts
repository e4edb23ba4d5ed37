import { textPatterns } from '../text-patterns.ts';

// Times of the years 1 to 9999, as most servers write them. Which text is one at all is the same for all systems: see text-patterns.ts.

const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`);
const date = whole(textPatterns.date);
const timestamp = whole(textPatterns.timestamp);
const timestamptz = whole(textPatterns.timestamptz);
const time = whole(textPatterns.time);
export const losesNanos = (text: string): boolean => belowMicros.test(text);
const belowMicros = new RegExp(textPatterns.belowMicros);

const clock = String.raw`(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?`;
const parts = new RegExp(
  String.raw`^(\d{4})-(\d\d)-(\d\d)(?:[T ]${clock} ?(?:[Zz]|([+-])(\d\d):?(\d\d)?)?)?$`,
);
const timeParts = new RegExp(`^${clock}`);

const yearMax = 9999;
const microDigits = 6;
/** Of a zone; no clock on earth is as far from UTC. */
const offsetHoursMax = 15;

/** null where there is no such day, or none that the server has. */
export function dateText(text: string): string | null {
  if (!date.test(text)) return null;
  const [, year, month, day] = parts.exec(text) ?? [];
  if (year === undefined || !isDay(Number(year), Number(month), Number(day))) return null;
  return text.slice(0, 10);
}

/** `zoned`: a point in time, which is written in UTC; else a zone is none but UTC's. `digits`: of the seconds' fraction. */
export function timestampText(text: string, zoned: boolean, digits: number): string | null {
  if (!(zoned ? timestamptz : timestamp).test(text)) return null;
  const match = parts.exec(text);
  if (match === null) return null;
  const [year, month, day] = match.slice(1, 4).map(Number) as [number, number, number];
  if (!isDay(year, month, day)) return null;
  const [hour, minute, second, fraction, sign, zoneHour = '0', zoneMinute = '0'] = match.slice(4);
  const seconds = clockSeconds(hour ?? '0', minute ?? '0', second ?? '0', fraction);
  const rest = fractionText(fraction ?? '', digits);
  if (seconds === null || rest === null) return null;
  if (Number(zoneHour) > offsetHoursMax || Number(zoneMinute) > 59) return null;
  const offset = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60 * (sign === '-' ? -1 : 1);
  // As most are written.
  if (offset === 0 && hour !== undefined && Number(hour) < 24 && Number(second ?? 60) < 60)
    return `${text.slice(0, 10)} ${hour}:${minute}:${second}${rest}`;
  const instant = new Date(0);
  // Date.UTC takes the years of the first century for others.
  instant.setUTCFullYear(year, month - 1, day);
  instant.setUTCSeconds(seconds - offset);
  const at = instant.getUTCFullYear();
  if (at < 1 || at > yearMax) return null;
  return `${isoText(instant).slice(0, 19)}${rest}`;
}

/** 24:00:00 is the end of a day, for the server too. */
export function timeText(text: string, digits: number): string | null {
  if (!time.test(text)) return null;
  const [, hour, minute, second, fraction] = timeParts.exec(text)!;
  const rest = fractionText(fraction ?? '', digits);
  if (rest === null || clockSeconds(hour!, minute!, second ?? '0', fraction) === null) return null;
  return `${hour}:${minute}:${second ?? '00'}${rest}`;
}

/** Of milliseconds since 1970; null: at a time that the server does not have. */
export function instantText(ms: number): string | null {
  const instant = new Date(ms);
  const year = instant.getUTCFullYear();
  return year >= 1 && year <= yearMax ? isoText(instant).slice(0, 23) : null;
}

const isoText = (instant: Date): string => instant.toISOString().replace('T', ' ');

function isDay(year: number, month: number, day: number): boolean {
  if (year < 1 || year > yearMax || month < 1 || month > 12) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return day >= 1 && day <= days;
}

function clockSeconds(
  hour: string,
  minute: string,
  second: string,
  fraction: string | undefined,
): number | null {
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  const isEnd = h === 24 && m === 0 && s === 0 && !/[1-9]/.test(fraction ?? '');
  return (h > 23 && !isEnd) || m > 59 ? null : (h * 60 + m) * 60 + s;
}

/** What is below the microsecond is cut, and told of elsewhere; a column that holds less (a person altered it) takes no more than it holds. */
function fractionText(fraction: string, digits: number): string | null {
  const micros = fraction.slice(0, microDigits);
  if (/[1-9]/.test(micros.slice(digits))) return null;
  return micros === '' || digits === 0 ? '' : `.${micros.slice(0, digits)}`;
}
