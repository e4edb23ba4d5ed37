const bytesPerStep = 1024;
const byteUnits = ['B', 'KB', 'MB', 'GB', 'TB'];

/** Text that cannot steer a terminal: connectors and servers may send anything. */
export function clean(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

export function count(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
}

export function bytes(n: number): string {
  let value = n;
  let unit = 0;
  while (value >= bytesPerStep && unit < byteUnits.length - 1) {
    value /= bytesPerStep;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${byteUnits[unit]}`;
}

/** `0.4s`, `12s`, `3m05s`, `2h07m`, `3d04h`. */
export function duration(ms: number): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const s = Math.max(0, ms) / 1_000;
  if (s < 10) return `${s.toFixed(1)}s`;
  if (s < 60) return `${Math.floor(s)}s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes}m${two(Math.floor(s % 60))}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}

/** How long ago an ISO 8601 time was; `never` for null. */
export function ago(time: string | null, now: number): string {
  return time === null ? 'never' : `${age(time, now)} ago`;
}

export function age(time: string, now: number): string {
  return duration(Math.max(0, Math.floor((now - Date.parse(time)) / 1_000) * 1_000)).replace(
    '.0s',
    's',
  );
}

export function shorten(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, Math.max(0, lengthMax - 1))}…`;
}

/** Columns as wide as their widest cell; numbers (`right`) end at the same place. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): readonly string[] {
  const all = [header, ...rows].map((row) => row.map(clean));
  const widths = header.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
