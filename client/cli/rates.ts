import type { SyncView } from '../sync-view.ts';

/** Rates are means over this long, so that a heartbeat that comes late does not read as a stall. */
const windowMs = 10_000;

/** Records a second of a stream in the current attempt; 0 until two samples are known. */
export type RateOf = (stream: string) => number;

interface Sample {
  readonly at: number;
  readonly key: string;
  readonly records: ReadonlyMap<string, number>;
}

/** Adds a view to the samples and forgets those outside the window, or of an earlier attempt. */
export function sampled(
  samples: readonly Sample[],
  view: SyncView,
  now: number,
): readonly Sample[] {
  const key = view.attempts.map((a) => `${a.activityId}:${a.progress?.attempt ?? 0}`).join(' ');
  const records = new Map<string, number>();
  for (const { progress } of view.attempts)
    for (const stream of progress?.streams ?? [])
      records.set(stream.stream, (records.get(stream.stream) ?? 0) + stream.records);
  const kept = samples.filter((sample) => sample.key === key && now - sample.at <= windowMs);
  return [...kept, { at: now, key, records }];
}

export function rateOf(samples: readonly Sample[]): RateOf {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.at === first.at) return () => 0;
  const seconds = (last.at - first.at) / 1_000;
  return (stream) => {
    const grown = (last.records.get(stream) ?? 0) - (first.records.get(stream) ?? 0);
    return Math.max(0, grown / seconds);
  };
}
