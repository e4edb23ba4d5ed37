import type { ScheduleSpec } from '../protocol/index.ts';
import { parseDuration } from './units.ts';
import type { YamlValue } from './yaml-value.ts';

const intervalMsMin = 1_000;
/** Five to seven fields, or a word like @hourly. What each field may hold is the server's to say. */
const cronPattern = /^(@[a-z]+( \S+)?|\S+(\s+\S+){4,6})$/;

export function scheduleOf(value: YamlValue): ScheduleSpec {
  const { cron, every, timezone } = value.entries(['cron', 'every', 'timezone']);
  const zone = timezone === undefined ? {} : { timezone: timezoneOf(timezone) };
  if (cron !== undefined && every === undefined) return { cron: cronOf(cron), ...zone };
  if (every !== undefined && cron === undefined) return { every: intervalOf(every), ...zone };
  throw value.refuse(
    'A schedule needs either cron or every.',
    'Write { cron: "0 * * * *" } or { every: 15m }.',
  );
}

function cronOf(value: YamlValue): string {
  const text = value.text()?.trim();
  if (text !== undefined && cronPattern.test(text)) return text;
  throw value.refuse(
    'This is not a cron expression.',
    'Write five fields in quotes, e.g. "0 * * * *" (minute, hour, day, month, weekday).',
  );
}

function intervalOf(value: YamlValue): string {
  const text = value.text();
  if (text !== undefined && isInterval(text)) return text;
  throw value.refuse(
    'This is not an interval.',
    'Write a duration of at least 1s, e.g. 45s, 15m, 6h.',
  );
}

export function isInterval(text: string): boolean {
  const ms = parseDuration(text);
  return ms !== undefined && ms >= intervalMsMin;
}

function timezoneOf(value: YamlValue): string {
  const name = value.text();
  if (name !== undefined && isTimezone(name)) return name;
  throw value.refuse(
    'This is not a time zone.',
    'Write a name of the IANA database, e.g. Europe/Berlin.',
  );
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
