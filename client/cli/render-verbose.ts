import {
  limitsOf,
  type CadenceFacts,
  type ConnectionState,
  type Policy,
  type WatchedLimit,
} from '../../protocol/index.ts';
import type { SyncView } from '../sync-view.ts';
import { clean, count, duration, plural, table } from './format.ts';
import { costText } from './render-cost.ts';
import { retryText } from './render-waits.ts';

/** As a policy calls them. */
const names: Readonly<Record<WatchedLimit['limit'], string>> = {
  checkpoint_age: 'checkpoint_age_max',
  source_silence: 'source_silence_max',
  destination_blocked: 'destination_blocked_max',
  no_progress: 'no_progress_max',
  sync: 'sync_max',
};

/** How near each limit is, what is left of the retry budget and why the next attempt waits, and what the commits cost. */
export function verboseText(
  { spec, attemptsWithoutProgress, lease }: ConnectionState,
  running: SyncView | null,
  now: number,
): readonly string[] {
  const { policy } = spec;
  const attempts = running?.attempts ?? [];
  const shown = attempts.find(({ progress }) => progress !== null)?.progress ?? null;
  const waits = attempts.flatMap((attempt) => retryText(attempt, now) ?? []);
  // What an attempt that is over told of itself is used up no more.
  const runs = waits.length === 0 ? shown : null;
  return [
    '',
    'limits:',
    ...limitLines(policy, runs?.limits ?? null).map((line) => `  ${line}`),
    '',
    `attempts without a checkpoint: ${lease === null ? 'none runs' : count(attemptsWithoutProgress)} (at most ${count(policy.attemptsWithoutProgressMax)})`,
    ...waits,
    ...(shown?.cadence === undefined ? [] : [cadenceText(shown.cadence)]),
    ...(shown?.cost === undefined ? [] : [costText(shown.cost)]),
  ].map(clean);
}

function limitLines(policy: Policy, used: readonly WatchedLimit[] | null): readonly string[] {
  if (used === null)
    return table(
      ['LIMIT', 'AT MOST'],
      setBy(policy).map(([limit, msMax]) => [names[limit], duration(msMax)]),
      [1],
    );
  return table(
    ['LIMIT', 'NOW', 'AT MOST', 'USED'],
    used.map(({ limit, ms, msMax }) => [
      names[limit],
      duration(ms),
      duration(msMax),
      `${Math.round((Math.max(0, ms) / msMax) * 100)} %`,
    ]),
    [1, 2, 3],
  );
}

function setBy(policy: Policy): readonly (readonly [WatchedLimit['limit'], number])[] {
  const limits = limitsOf(policy);
  return [
    ['source_silence', limits.sourceSilenceMsMax],
    ['destination_blocked', limits.destinationBlockedMsMax],
    ['no_progress', limits.noProgressMsMax],
    ['checkpoint_age', policy.checkpointAgeMsMax],
    ...(policy.syncMsMax === undefined ? [] : [['sync', policy.syncMsMax] as const]),
  ];
}

function cadenceText(facts: CadenceFacts): string {
  const { why, commits, commitMs, msPerMib, intervalMs, share } = facts;
  const bySize = msPerMib === null ? '' : `, ${msPerMib.toFixed(1)} ms a MiB`;
  return `${plural(commits, 'commit')}, the last one because: ${why}; one takes ${duration(commitMs)}${bySize}, all ${(share * 100).toFixed(1)} % of the time; a covered state waits ${duration(intervalMs)}`;
}
