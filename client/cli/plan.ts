import type { Command } from 'commander';
import {
  globalScope,
  streamDescriptor,
  type Lands,
  type Plan,
  type PlannedStream,
  type StreamId,
} from '../../protocol/index.ts';
import { ago, clean, plural } from './format.ts';
import { answer, exitCodes, onUnpolled, type Session } from './io.ts';
import { specAt, targetOf } from './targets.ts';
import { addVerb, type Verbs } from './verb.ts';

const unselectedShownMax = 20;

export function addPlan(program: Command, verbs: Verbs): void {
  addVerb(program, verbs, {
    usage: 'plan <name|file>',
    summary: 'tell what the next sync would do, stream by stream; changes nothing',
    examples: [
      'tidemark plan orders',
      'tidemark plan connections/orders.yaml   # before it is applied',
      'tidemark plan orders --json | jq .streams',
    ],
    act: plan,
  });
}

async function plan(session: Session, [text = '']: readonly (string | undefined)[]) {
  const target = targetOf(text);
  const subject = target.type === 'name' ? target.name : await specAt(session.io, target.path);
  const client = await session.client();
  const found = await client.plan(subject, onUnpolled(session));
  answer(session, found, () => planText(found, session.io.now()));
  return exitCodes.done;
}

export function planText(plan: Plan, now: number): readonly string[] {
  const { streams, streamCount } = plan;
  const more = streamCount - streams.length;
  return [
    `${plan.connection}: ${plan.source} to ${plan.destination}, sync ${plan.syncNo}${standing(plan)}`,
    ...guaranteeLines(plan),
    countsLine(plan),
    ...parallelLines(plan),
    ...streams.flatMap((stream) => ['', ...streamLines(stream, plan, now)]),
    ...(more > 0 ? ['', `… and ${plural(more, 'more stream')}: too many to be shown`] : []),
    '',
    plural(streamCount, 'stream'),
    ...unselectedLines(plan),
  ].map(clean);
}

function standing({ applied, syncing }: Plan): string {
  if (!applied) return ' (not applied yet)';
  return syncing ? ' (after the one that runs; from the checkpoints there are now)' : '';
}

function guaranteeLines({ guarantee }: Plan): readonly string[] {
  if (guarantee === null)
    return ['guarantee: at least once: the destination claims no more; verified on nothing'];
  const { delivery, because, verifiedOn } = guarantee;
  return [
    `guarantee: ${delivery}: ${because}; verified on ${verifiedOn}`,
    '  What the source itself sends again after the state it was given is there twice, but in append_dedup.',
  ];
}

function countsLine({ guarantee }: Plan): string {
  const told = guarantee?.counts === 'where told' ? ' where it sends them' : '';
  return `counts: ours and the destination’s agree for each state${told}, or it is no checkpoint; the source’s too where it sends them`;
}

function parallelLines({ parallelism, source }: Plan): readonly string[] {
  if (parallelism === undefined) return [];
  const { asked, readsAtOnce } = parallelism;
  const what = readsAtOnce ?? `without effect: ${source} reads one thing after the other`;
  return [`parallelism: ${asked}, ${what}`];
}

function streamLines(stream: PlannedStream, plan: Plan, now: number): readonly string[] {
  const { syncMode, destinationSyncMode, primaryKey, lands } = stream;
  return [
    nameOf(stream.stream),
    `  mode     ${syncMode}, ${destinationSyncMode}`,
    ...(syncMode === 'incremental' ? [`  cursor   ${cursorOf(stream)}`] : []),
    `  key      ${primaryKey.length === 0 ? 'none' : primaryKey.map(pathOf).join(', ')}`,
    ...(lands === undefined ? [] : [`  into     ${placeOf(lands)}`]),
    `  columns  ${columnsOf(stream)}`,
    `  rows     ${rowsOf(stream, plan)}`,
    `  from     ${stream.rows === 'emptied' ? 'nothing is read' : resumeOf(stream, now)}`,
    `  counts   ${countsOf(stream)}`,
  ];
}

const rowsText: Readonly<Record<PlannedStream['rows'], string>> = {
  'added to': 'new ones are added to those that are there',
  merged: 'the last of each key stays',
  replaced: 'the old ones are there until the new ones are complete, then they are replaced',
  emptied: 'all are deleted',
};

/** When a destination that promises less removes the old rows is its own matter; it is told another generation in each attempt. */
function rowsOf({ rows, generation }: PlannedStream, { guarantee }: Plan): string {
  return rows === 'replaced' && guarantee?.delivery === 'at least once'
    ? 'replaced, before or after the new ones are complete, as the destination does it; each attempt begins anew'
    : `${rowsText[rows]} (generation ${generation})`;
}

function placeOf({ namespace, name }: Lands): string {
  return namespace === null
    ? `${name}, where the destination's config says`
    : `${namespace}.${name}`;
}

function columnsOf({ columns, chosen }: PlannedStream): string {
  if (chosen == null) return columns === 0 ? 'not told by the source' : `all ${columns}`;
  const more = chosen.count > chosen.fields.length ? `, … (${chosen.count} in all)` : '';
  return `chosen: ${chosen.fields.join(', ')}${more}`;
}

function nameOf(id: StreamId): string {
  const { name, namespace } = streamDescriptor(id);
  return namespace ? `${namespace}.${name}` : name;
}

const pathOf = (path: readonly string[]): string => path.join('.');

function cursorOf({ cursor }: PlannedStream): string {
  return cursor.length === 0 ? "the source's own" : pathOf(cursor);
}

function resumeOf({ resume }: PlannedStream, now: number): string {
  if (resume === null) return 'the start';
  const shared = resume.scope === globalScope ? ' (of all streams)' : '';
  return `${resume.state}${shared}, ${ago(resume.committedAt, now)} by sync ${resume.syncNo}`;
}

function countsOf({ sourceCounts }: PlannedStream): string {
  if (sourceCounts === null) return 'compared where the source sends them';
  return sourceCounts
    ? 'compared: the source sends them'
    : "not compared: the source's last state had none";
}

function unselectedLines({ unselected, unselectedCount }: Plan): readonly string[] {
  if (unselectedCount === 0) return [];
  const shown = unselected.slice(0, unselectedShownMax).map(nameOf);
  const more = unselectedCount - shown.length;
  return [`not selected: ${shown.join(', ')}${more > 0 ? `, … (${unselectedCount} in all)` : ''}`];
}
