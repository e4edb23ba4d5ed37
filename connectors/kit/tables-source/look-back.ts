/** Seconds, of cursors that are times; or a difference of numbers, as its text. */
export type LookBack =
  | { readonly of: 'time'; readonly seconds: number }
  | { readonly of: 'number'; readonly difference: string };

const units: Readonly<Record<string, number>> = {
  ...{ s: 1, second: 1, seconds: 1, min: 60, minute: 60, minutes: 60 },
  ...{ h: 3_600, hour: 3_600, hours: 3_600, d: 86_400, day: 86_400, days: 86_400 },
};

export const lookBackPattern = `^[0-9]{1,12}(\\.[0-9]{1,6})?( ?(${Object.keys(units).join('|')}))?$`;

/** What a config says; it matches `lookBackPattern`. Absent, or zero: null. */
export function parseLookBack(text: string | undefined): LookBack | null {
  const match = /^([\d.]+) ?([a-z]*)$/.exec(text ?? '');
  if (match === null || Number(match[1]) === 0) return null;
  const [, amount = '', unit = ''] = match;
  const seconds = units[unit];
  return seconds === undefined
    ? { of: 'number', difference: amount }
    : { of: 'time', seconds: Number(amount) * seconds };
}

/** The config's property, the same for every database. */
export const lookBackProperty = {
  type: 'string',
  title: 'Look back',
  description:
    'Rows whose cursor is at most so much lower than the highest one read are looked at again in each sync: for rows that are committed late. A duration for cursors that are times, a number for others; streams with a cursor of the other kind go without.',
  pattern: lookBackPattern,
  examples: ['15 min', '2 h', '1000'],
} as const;
