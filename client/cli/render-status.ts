import {
  describeFailure,
  everyStream,
  pauseText,
  pendingRefreshes,
  schemaText,
  stateText,
  unfilledSince,
  unfilledText,
} from '../../protocol/index.ts';
import type {
  Checkpoint,
  ConnectionState,
  ScheduleSpec,
  StreamId,
  SyncSummary,
} from '../../protocol/index.ts';
import type { ScheduleStatus } from '../schedules.ts';
import { updateLines } from './render-updates.ts';
import { age, ago, bytes, clean, count, duration, plural, table } from './format.ts';

const historyShownMax = 5;
const checkpointsShownMax = 20;
const streamsShownMax = 10;

/** A connection in the list. `state` null: no worker answered. */
export interface Listed {
  readonly name: string;
  readonly state: ConnectionState | null;
}

export function listText(all: readonly Listed[], now: number): readonly string[] {
  if (all.length === 0)
    return ['No connections yet. Apply one: tidemark apply connections/<name>.yaml'];
  const rows = all.map(({ name, state }) => {
    if (state === null) return [name, '', 'no worker answers', '', '', ''];
    const { spec, lease, history, paused } = state;
    const last = history.at(-1);
    return [
      name,
      `${spec.source.connector} to ${spec.destination.connector}`,
      nowText(lease?.syncNo ?? null, paused !== undefined),
      last === undefined ? 'none' : `${last.outcome} ${ago(last.endedAt, now)}`,
      ago(newestCheckpoint(state), now),
      scheduleText(spec.schedule),
    ];
  });
  return table(['NAME', 'COPIES', 'NOW', 'LAST SYNC', 'CHECKPOINT', 'SCHEDULE'], rows);
}

function nowText(syncNo: number | null, isPaused: boolean): string {
  if (syncNo === null) return isPaused ? 'paused' : 'idle';
  return `${isPaused ? 'paused' : 'syncing'} (${syncNo})`;
}

function newestCheckpoint({ checkpoints }: ConnectionState): string | null {
  const times = Object.values(checkpoints).map(({ committedAt }) => committedAt);
  return times.toSorted().at(-1) ?? null;
}

function scheduleText(schedule: ScheduleSpec | undefined): string {
  if (schedule === undefined) return 'none';
  const zone = schedule.timezone === undefined ? '' : ` ${schedule.timezone}`;
  return 'cron' in schedule ? `${schedule.cron}${zone}` : `every ${schedule.every}`;
}

export function connectionText(
  state: ConnectionState,
  schedule: ScheduleStatus | null,
  now: number,
): readonly string[] {
  const { spec, lease, history, label } = state;
  const unfilled = unfilledSince(history);
  const next = schedule?.next[0];
  const planned =
    schedule === null
      ? ''
      : schedule.paused
        ? `, paused${schedule.note === null ? '' : `: ${schedule.note}`}`
        : next === undefined
          ? ''
          : `, next ${next}`;
  return [
    `${spec.name}: ${spec.source.connector} to ${spec.destination.connector} (${state.connectionId})`,
    `schedule: ${scheduleText(spec.schedule)}${planned}`,
    ...pausedLines(state),
    ...(label === null ? [] : [`runs on workers with the label ${label}`]),
    ...pendingLines(state),
    ...updateLines(state),
    ...(unfilled === null ? [] : unfilledText(unfilled)),
    ...(state.adopt ? ['the next sync adopts the destination as it is (state adopt)'] : []),
    lease === null
      ? 'now: idle'
      : `now: sync ${lease.syncNo}, for ${age(lease.since, now)} (${lease.holder.workflowId})`,
    ...section('last syncs', historyLines(history, now)),
    ...section('checkpoints', checkpointLines(Object.values(state.checkpoints), now)),
  ].map(clean);
}

function pausedLines({ paused, spec }: ConnectionState): readonly string[] {
  if (paused === undefined) return [];
  const { skipped } = paused;
  return [
    `paused ${pauseText(paused)} (tidemark resume ${spec.name})`,
    ...(skipped === undefined
      ? []
      : [`skipped since: ${plural(skipped.count, 'sync')}, the last one ${skipped.at}`]),
  ];
}

function pendingLines(state: ConnectionState): readonly string[] {
  const { cleared, replaced, kept } = pendingRefreshes(state);
  const line = (verb: string, streams: readonly StreamId[], rest: string): readonly string[] =>
    streams.length === 0 ? [] : [`pending: ${verb} ${streamsText(streams)}${rest}`];
  return [
    ...line('clear', cleared, ' (the next sync empties the tables and reads nothing)'),
    ...line('refresh', replaced, ' (read from scratch; the new rows take the place of the old)'),
    ...line('refresh --keep', kept, ' (read from scratch; the old rows stay)'),
  ];
}

/** `*` of several means the others. */
export function streamsText(streams: readonly StreamId[]): string {
  const named = streams.filter((stream) => stream !== everyStream);
  const shown = named.slice(0, streamsShownMax);
  const more = named.length - shown.length;
  const all = named.length === 0 ? 'every stream' : 'every other stream';
  return [
    ...shown,
    ...(more > 0 ? [plural(more, 'more stream')] : []),
    ...(streams.includes(everyStream) ? [all] : []),
  ].join(', ');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return ['', `${title}:`, ...(lines.length === 0 ? ['  none'] : lines.map((line) => `  ${line}`))];
}

function historyLines(history: readonly SyncSummary[], now: number): readonly string[] {
  const shown = history.slice(-historyShownMax).toReversed();
  if (shown.length === 0) return [];
  const rows = shown.map((sync) => [
    String(sync.syncNo),
    sync.outcome,
    ago(sync.endedAt, now),
    duration(Date.parse(sync.endedAt) - Date.parse(sync.startedAt)),
    count(sync.records),
    bytes(sync.bytes),
    String(sync.attempts),
  ]);
  const { failure, schema } = shown[0]!;
  return [
    ...table(
      ['SYNC', 'OUTCOME', 'ENDED', 'TOOK', 'RECORDS', 'BYTES', 'ATTEMPTS'],
      rows,
      [0, 3, 4, 5, 6],
    ),
    ...(failure === undefined ? [] : [describeFailure(failure)]),
    ...(schema === undefined ? [] : schemaText(schema)),
  ];
}

function checkpointLines(checkpoints: readonly Checkpoint[], now: number): readonly string[] {
  if (checkpoints.length === 0) return [];
  const newest = checkpoints.toSorted((a, b) => b.committedAt.localeCompare(a.committedAt));
  const shown = newest.slice(0, checkpointsShownMax);
  const more = newest.length - shown.length;
  return [
    ...table(
      ['SCOPE', 'AGE', 'SYNC', 'RECORDS', 'COMPLETE'],
      shown.map((c) => [
        c.scope,
        age(c.committedAt, now),
        String(c.epoch.syncNo),
        count(c.records),
        c.complete === true ? 'yes' : '',
      ]),
      [1, 2, 3],
    ),
    ...(more > 0 ? [`… and ${plural(more, 'more scope')}`] : []),
  ];
}

/** One checkpoint with its state's exact text. */
export function checkpointText(checkpoint: Checkpoint): readonly string[] {
  const { scope, edition, epoch, seq, records, committedAt } = checkpoint;
  return [
    clean(
      `${scope}: edition ${edition}, epoch ${epoch.syncNo}/${epoch.at}, seq ${seq}, ${plural(records, 'record')} in sync ${epoch.syncNo}, committed ${committedAt}`,
    ),
    `  ${clean(stateText(checkpoint))}`,
  ];
}
