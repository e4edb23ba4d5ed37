import {
  describeFailure,
  schemaText,
  unfilledText,
  type Progress,
  type SyncSummary,
} from '../../protocol/index.ts';
import type { AttemptView, SyncView } from '../sync-view.ts';
import { age, ago, bytes, clean, count, duration, plural, shorten, table } from './format.ts';
import type { RateOf } from './rates.ts';
import { costText } from './render-cost.ts';
import { limitText, retryText } from './render-waits.ts';
import type { SyncEvent } from './sync-events.ts';

const resumedScopesMax = 3;

/** One line for a log. */
export function eventText(event: SyncEvent, now: number): string {
  switch (event.type) {
    case 'unpolled':
      return unpolledText(event.queue);
    case 'phase': {
      const { phase, worker } = event.progress;
      const resumed = phase === 'syncing' ? `, ${resumedText(event.progress)}` : '';
      return clean(`attempt ${event.attempt}: ${phase} on ${worker}${resumed}`);
    }
    case 'attempt-failed':
      return clean(
        `attempt ${event.attempt} failed: ${describeFailure(event.failure)}${nextText(event, now)}`,
      );
    case 'waiting':
      return clean(`attempt ${event.attempt}: ${retryText(event, now) ?? 'waits'}`);
    case 'rate-limited':
      return clean(`attempt ${event.attempt}: ${limitText(event.rateLimit, now)}`);
    case 'checkpoint':
      return `checkpoint: ${plural(event.committed.records, 'record')} committed (${bytes(event.committed.bytes)})`;
    case 'pausing':
    case 'paused':
      return pauseLine(event.type, event.connection);
    case 'resumed':
      return 'resumed: goes on from its checkpoint';
    case 'late':
    case 'overdue':
      return clean(`${event.type}: ${event.message}`);
    case 'notice':
      return clean(`note: ${event.message}`);
    case 'progress':
      return `attempt ${event.attempt}: ${countsText(event.progress, now)}`;
    case 'ended':
      return summaryText(event.summary).join('\n');
  }
}

export function unpolledText(queue: string): string {
  return `waiting: no worker polls the task queue ${queue}. Start one: tidemark worker`;
}

function pauseLine(pause: 'pausing' | 'paused', connection: string): string {
  const does = pause === 'pausing' ? 'drains to a checkpoint' : 'waits at a checkpoint';
  return clean(`${pause}: ${does}, goes on after: tidemark resume ${connection}`);
}

function nextText(
  { failure, nextAttemptAt }: Extract<SyncEvent, { type: 'attempt-failed' }>,
  now: number,
): string {
  const isLimited = failure.code === 'rate_limited';
  const waits = retryText({ lastFailure: isLimited ? failure : null, nextAttemptAt }, now);
  return waits === null ? '' : ` It ${isLimited ? '' : 'waits: '}${waits}.`;
}

function resumedText({ resumedFrom }: Progress): string {
  const scopes = Object.entries(resumedFrom);
  if (scopes.length === 0) return 'from the start';
  const shown = scopes.slice(0, resumedScopesMax).map(([scope, state]) => `${scope} ${state}`);
  const more = scopes.length - shown.length;
  return `resumed from ${shown.join(', ')}${more > 0 ? ` and ${plural(more, 'more scope')}` : ''}`;
}

function countsText({ read, committed, lastCheckpointAt, waiting }: Progress, now: number): string {
  const held =
    waiting.states === 0
      ? ''
      : `, ${plural(waiting.states, 'state')} wait (${bytes(waiting.bytes)})`;
  return `read ${plural(read.records, 'record')} (${bytes(read.bytes)}), committed ${count(committed.records)}, last checkpoint ${ago(lastCheckpointAt, now)}${held}`;
}

export interface FrameOptions {
  readonly now: number;
  readonly columns: number;
  readonly streamsMax: number;
  readonly rateOf: RateOf;
}

/** The live display: as many lines as there is something to say. */
export function frame(view: SyncView, options: FrameOptions): readonly string[] {
  const { now, columns } = options;
  const head = `${view.connection}  ${view.workflowId}  running ${age(view.startedAt, now)}`;
  const lines = [
    head,
    ...(view.unpolled === null ? [] : [unpolledText(view.unpolled)]),
    ...(view.pause === null ? [] : [pauseLine(view.pause, view.connection)]),
    ...(view.attempts.length === 0 && view.unpolled === null && view.pause === null
      ? ['starting']
      : []),
    ...(view.forwarded === null ? [] : [countsText(view.forwarded, now)]),
    ...view.attempts.flatMap((attempt) => attemptLines(attempt, view.pause, options)),
  ];
  return lines.map((line) => shorten(clean(line), columns));
}

function attemptLines(
  view: AttemptView,
  pause: SyncView['pause'],
  options: FrameOptions,
): readonly string[] {
  const { now } = options;
  const { progress, lastFailure } = view;
  const waits = retryText(view, now);
  const failed = [
    // The head of what follows: a line is cut at the width of the terminal.
    ...(waits === null ? [] : [waits]),
    ...(lastFailure === null || (waits !== null && lastFailure.code !== 'rate_limited')
      ? []
      : [`attempt ${view.attempt - 1} failed: ${describeFailure(lastFailure)}`]),
  ];
  if (progress === null) return [`attempt ${view.attempt}: ${view.state}`, ...failed];
  const isCurrent = progress.attempt === view.attempt && view.state !== 'waiting to retry';
  // A pause drains its attempt as a cancel does.
  const isCancelled = view.state === 'cancelling' && pause === null;
  const phase = isCurrent && !isCancelled ? progress.phase : view.state;
  return [
    `attempt ${view.attempt}: ${phase} on ${progress.worker}, ${resumedText(progress)}`,
    countsText(progress, now),
    ...failed,
    ...(progress.rateLimit === undefined || waits !== null
      ? []
      : [limitText(progress.rateLimit, now)]),
    ...(progress.late === undefined || waits !== null
      ? []
      : [`${progress.overdue === true ? 'overdue' : 'late'}: ${progress.late}`]),
    ...(progress.notices ?? []).map((notice) => `note: ${notice}`),
    ...(progress.schema === undefined ? [] : schemaText(progress.schema)),
    ...streamTable(progress, options),
  ];
}

function streamTable(progress: Progress, { rateOf, streamsMax }: FrameOptions): readonly string[] {
  if (progress.streams.length === 0) return [];
  const shown = progress.streams.slice(0, streamsMax);
  const rows = shown.map(({ stream, records, bytes: size, committed, nulled, status }) => [
    stream,
    count(records),
    bytes(size),
    `${count(rateOf(stream))}/s`,
    count(committed.records),
    nulled === 0 ? '' : count(nulled),
    status ?? '',
  ]);
  const more = progress.streamCount - shown.length;
  return [
    '',
    ...table(
      ['STREAM', 'READ', 'BYTES', 'RATE', 'COMMITTED', 'NULLED', 'STATUS'],
      rows,
      [1, 2, 3, 4, 5],
    ),
    ...(more > 0 ? [`… and ${plural(more, 'more stream')}`] : []),
  ];
}

const summaryStreamsShownMax = 20;

/** Of which streams, as far as it is known. */
function rejectedText(rejected: number, streams: SyncSummary['streams']): string {
  const told = streams.flatMap((one) =>
    one.rejected === undefined ? [] : [`${one.stream}: ${count(one.rejected)}`],
  );
  const whose = told.length === 0 ? '' : ` (${told.join(', ')})`;
  return clean(
    `${plural(rejected, 'record')} turned away by the destination, and not there${whose}`,
  );
}

/** The end of a sync, for people. */
export function summaryText(summary: SyncSummary): readonly string[] {
  const { outcome, syncNo, streams, streamCount, records } = summary;
  const { rejected, cost, failure, schema, unfilled } = summary;
  const took = duration(Date.parse(summary.endedAt) - Date.parse(summary.startedAt));
  const nulled = streams.reduce((sum, stream) => sum + stream.nulled, 0);
  const shown = streams.slice(0, summaryStreamsShownMax);
  const more = streamCount - shown.length;
  const rows = shown.map((s) => [
    s.stream,
    count(s.records),
    bytes(s.bytes),
    s.nulled === 0 ? '' : count(s.nulled),
    s.status ?? '',
  ]);
  return [
    `sync ${syncNo} ${outcome}: ${plural(records, 'record')} (${bytes(summary.bytes)}) in ${plural(streamCount, 'stream')}, ${plural(summary.attempts, 'attempt')}, ${took}`,
    ...(nulled === 0
      ? []
      : [`${plural(nulled, 'value')} did not fit and became NULL (see _airbyte_meta.changes)`]),
    ...(rejected === undefined ? [] : [rejectedText(rejected, streams)]),
    ...(cost === undefined ? [] : [costText(cost)]),
    ...(schema === undefined ? [] : schemaText(schema).map(clean)),
    ...(unfilled === undefined ? [] : unfilledText(unfilled).map(clean)),
    ...(rows.length === 0
      ? []
      : table(['STREAM', 'RECORDS', 'BYTES', 'NULLED', 'STATUS'], rows, [1, 2, 3])),
    ...(more > 0 ? [`… and ${plural(more, 'more stream')}`] : []),
    ...(failure === undefined ? [] : [clean(describeFailure(failure))]),
  ];
}
