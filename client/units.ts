const durationUnitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const sizeUnitsBytes: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1024,
  KiB: 1024,
  MB: 1024 ** 2,
  MiB: 1024 ** 2,
  GB: 1024 ** 3,
  GiB: 1024 ** 3,
};

/** `45s`, `30m`, `1h30m` in ms; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
    ms += Number(amount) * durationUnitsMs[unit!]!;
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** `64MB`, `1GiB` in bytes; undefined when it is none. A kilobyte is 1024 bytes either way, as in Postgres. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s?(B|KB|KiB|MB|MiB|GB|GiB)$/.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * sizeUnitsBytes[match[2]!]!;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest text that `parseDuration` reads back: `90s`, `30m`, `6h`. */
export function durationText(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'])
    if (ms > 0 && ms % durationUnitsMs[unit]! === 0) return `${ms / durationUnitsMs[unit]!}${unit}`;
  return `${ms}ms`;
}

export function sizeText(bytes: number): string {
  for (const unit of ['GB', 'MB', 'KB'])
    if (bytes > 0 && bytes % sizeUnitsBytes[unit]! === 0)
      return `${bytes / sizeUnitsBytes[unit]!}${unit}`;
  return `${bytes}B`;
}
