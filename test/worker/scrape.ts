/** A sample of Prometheus' text: `name{labels}` as it is written, and its value. */
export type Samples = ReadonlyMap<string, number>;

/** Reads Prometheus' text. Throws at a line that is none of it, and at a sample that comes twice. */
export function samplesOf(text: string): Samples {
  const samples = new Map<string, number>();
  const told = new Set<string>();
  for (const line of text.split('\n')) {
    const about = /^# (?:HELP|TYPE) (\w+) \S/.exec(line);
    if (about !== null) told.add(about[1]!);
    if (line === '' || about !== null) continue;
    const found = /^((\w+?)(?:_bucket|_sum|_count)?(?:\{.*\})?) (\S+)$/.exec(line);
    if (found === null) throw new Error(`Not a sample: ${line}`);
    const [, key, name, value] = found;
    if (samples.has(key!)) throw new Error(`Twice: ${key}`);
    if (![...told].some((one) => key!.startsWith(one))) throw new Error(`Not explained: ${name}`);
    samples.set(key!, Number(value));
  }
  return samples;
}
