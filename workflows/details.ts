import {
  configUpdateText,
  describeFailure,
  nextAttemptText,
  pauseText,
  pendingRefreshes,
  rateLimitText,
  schemaText,
  stateText,
  streamDescriptor,
  unfilledSince,
  unfilledText,
  type CadenceFacts,
  type Checkpoint,
  type ConnectionState,
  type EndName,
  type Pause,
  type Progress,
  type SchemaChanges,
  type StreamId,
  type SyncCost,
  type SyncSummary,
  type UnfilledColumns,
} from '../protocol/index.ts';

// Markdown for Temporal's UI: what an operator reads there. Pure.

const rowsMax = 100;
const stateCharsMax = 120;
const historyRowsMax = 10;
const pendingShownMax = 20;

/** Safe in a cell of a table. */
function cell(text: string): string {
  return text.replace(/[|`\\]/g, (c) => `\\${c}`).replace(/\s+/g, ' ');
}

function code(text: string): string {
  const cut = text.length > stateCharsMax ? `${text.slice(0, stateCharsMax)}…` : text;
  return `\`${cut.replace(/[|`]/g, "'").replace(/\s+/g, ' ')}\``;
}

/** 1234567 → 1,234,567. */
export function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]!}`;
}

function scopeName(scope: string): string {
  if (scope === '*') return '(every stream)';
  const { name, namespace } = streamDescriptor(scope as StreamId);
  return cell(namespace ? `${namespace}.${name}` : name);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const shown = rows.slice(0, rowsMax).map(line);
  const more = rows.length > rowsMax ? [`\n… and ${rows.length - rowsMax} more`] : [];
  return [line(head), line(head.map(() => '---')), ...shown, ...more].join('\n');
}

function checkpointCells(checkpoint: Checkpoint | undefined): readonly string[] {
  if (checkpoint === undefined) return ['none yet', ''];
  const { state, stateBytes, complete, edition, seq, committedAt } = checkpoint;
  if (stateBytes !== undefined) return [committedAt, `a state of ${size(stateBytes)}`];
  if (state !== null) return [committedAt, code(stateText(checkpoint))];
  if (complete === true) return [committedAt, 'complete'];
  return [committedAt, seq === 0 && edition > 0 ? 'from scratch' : 'no state'];
}

export interface SyncShown {
  readonly connection: string;
  readonly syncNo: number | null;
  readonly segment: number;
  readonly progress: Progress | null;
  readonly checkpoints: Readonly<Record<string, Checkpoint>>;
  readonly summary: SyncSummary | null;
  readonly pause: Pause | null;
}

export function syncDetails(shown: SyncShown): string {
  const { connection, syncNo, segment, progress, summary, pause } = shown;
  const title =
    `**${cell(connection)}**` +
    (syncNo === null ? '' : ` · sync ${syncNo}`) +
    (segment > 1 ? ` · segment ${segment}` : '');
  const parts = [title];
  const { schema, unfilled } = summary ?? progress ?? {};
  if (summary === null && pause !== null) parts.push(pausedLine(connection, pause));
  if (summary !== null) parts.push(summaryLine(summary));
  else if (progress !== null) parts.push(...progressLines(progress));
  else if (pause === null) parts.push('Waiting for a worker.');
  if (schema !== undefined) parts.push(schemaLines(schema));
  if (unfilled !== undefined) parts.push(unfilledLines(unfilled));
  parts.push(streamTable(shown));
  return parts.filter((part) => part !== '').join('\n\n');
}

function pausedLine(connection: string, pause: Pause): string {
  const resume = `\`tidemark resume ${cell(connection)}\`, or the update \`resume\` of its connection`;
  return `**Paused** ${cell(pauseText(pause))} · goes on with ${resume}`;
}

function schemaLines(schema: SchemaChanges): string {
  return list('Schema', schemaText(schema));
}

function unfilledLines(unfilled: UnfilledColumns): string {
  return list('Not filled', unfilledText(unfilled));
}

function list(head: string, [title = '', ...lines]: readonly string[]): string {
  return [`**${head}:** ${title}`, ...lines.map((line) => `* ${cell(line.trim())}`)].join('\n');
}

function summaryLine(summary: SyncSummary): string {
  const { outcome, records, rejected, bytes, attempts, cost, failure } = summary;
  const lost = rejected === undefined ? '' : ` · ${grouped(rejected)} rejected`;
  const line = `**${outcome}** · ${grouped(records)} records${lost} · ${size(bytes)} · attempts: ${attempts}${costText(cost)}`;
  return failure === undefined ? line : `${line}\n\n${cell(describeFailure(failure))}`;
}

function progressLines(progress: Progress): string[] {
  const { phase, attempt, worker, committed, lastCheckpointAt, notices = [] } = progress;
  const { late, overdue, rateLimit, next, cadence, cost } = progress;
  const last = lastCheckpointAt === null ? 'no checkpoint yet' : `checkpoint ${lastCheckpointAt}`;
  const line = `${phase} · attempt ${attempt} on ${cell(worker)} · ${grouped(committed.records)} records committed · ${size(committed.bytes)} · ${last}`;
  return [
    line,
    ...(next === undefined
      ? []
      : [`**Attempt ${attempt} failed:** ${cell(nextAttemptText(next))}`]),
    ...(rateLimit === undefined ? [] : [`**Rate limit:** ${cell(rateLimitText(rateLimit))}`]),
    ...(late === undefined ? [] : [`**${overdue === true ? 'Overdue' : 'Late'}:** ${cell(late)}`]),
    ...(cadence === undefined ? [] : [cadenceLine(cadence) + costText(cost)]),
    ...notices.map(cell),
  ];
}

function cadenceLine({ why, commits, commitMs, share }: CadenceFacts): string {
  return `${grouped(commits)} commits · the last one: ${why} · ${grouped(commitMs)} ms each · ${(share * 100).toFixed(1)} % of the time`;
}

/** Of the whole sync. */
function costText(cost: SyncCost | undefined): string {
  if (cost === undefined) return '';
  const { commits, stagedBytes, busyMs } = cost;
  const busy = grouped(Math.round(busyMs / 1_000));
  return ` · in the warehouse: ${grouped(commits)} commits, ${size(stagedBytes)} staged, busy for ${busy} s`;
}

function streamTable({ progress, checkpoints }: SyncShown): string {
  const streams = new Map(
    (progress?.streams ?? []).map((stream) => [stream.stream as string, stream]),
  );
  const scopes = [...new Set([...streams.keys(), ...Object.keys(checkpoints)])];
  if (scopes.length === 0) return '';
  const rows = scopes.map((scope) => {
    const checkpoint = checkpoints[scope];
    const counts = streams.get(scope)?.committed ?? checkpoint ?? { records: 0, bytes: 0 };
    const status = streams.get(scope)?.status ?? '';
    return [
      scopeName(scope),
      grouped(counts.records),
      size(counts.bytes),
      status,
      ...checkpointCells(checkpoint),
    ];
  });
  return table(['stream', 'records', 'bytes', 'status', 'last checkpoint', 'state'], rows);
}

function pendingFacts(state: ConnectionState): readonly string[] {
  const { cleared, replaced, kept } = pendingRefreshes(state);
  const fact = (text: string, streams: readonly StreamId[]): readonly string[] => {
    if (streams.length === 0) return [];
    const shown = streams.slice(0, pendingShownMax).map(scopeName).join(', ');
    return [`${text} ${shown}${streams.length > pendingShownMax ? ', …' : ''}`];
  };
  return [
    ...fact('the next sync empties', cleared),
    ...fact('read from scratch, in the place of the old rows:', replaced),
    ...fact('read from scratch, beside the old rows:', kept),
  ];
}

function updateFacts({ updates = {} }: ConnectionState): readonly string[] {
  return Object.entries(updates).map(([end, update]) =>
    cell(configUpdateText(end as EndName, update)),
  );
}

function skippedFacts({ skipped }: Pause): readonly string[] {
  return skipped === undefined ? [] : [`syncs skipped since: ${grouped(skipped.count)}`];
}

export function connectionDetails(state: ConnectionState): string {
  const { spec, syncNo, lease, label, adopt, checkpoints, history, paused } = state;
  const facts = [
    `**${cell(spec.name)}**: ${cell(spec.source.connector)} to ${cell(spec.destination.connector)}`,
    lease === null
      ? `idle · ${syncNo} syncs begun`
      : `sync ${lease.syncNo} since ${lease.since} by ${code(lease.holder.workflowId)}`,
    ...(paused === undefined ? [] : [pausedLine(spec.name, paused), ...skippedFacts(paused)]),
    ...(label === null ? [] : [`bound to the worker label ${code(label)}`]),
    ...pendingFacts(state),
    ...(adopt ? ['the next sync adopts the destination as it is'] : []),
    ...updateFacts(state),
  ];
  const scopes = Object.values(checkpoints).map((checkpoint) => [
    scopeName(checkpoint.scope),
    `${checkpoint.edition}.${checkpoint.epoch.syncNo}.${checkpoint.seq}`,
    ...checkpointCells(checkpoint),
  ]);
  const past = history
    .slice(-historyRowsMax)
    .reverse()
    .map(({ syncNo: no, outcome, records, endedAt }) => [
      String(no),
      outcome,
      grouped(records),
      endedAt,
    ]);
  const schema = history.at(-1)?.schema;
  const unfilled = unfilledSince(history);
  return [
    facts.join('  \n'),
    ...(schema === undefined ? [] : [schemaLines(schema)]),
    ...(unfilled === null ? [] : [unfilledLines(unfilled)]),
    ...(scopes.length === 0
      ? ['No checkpoint yet.']
      : [table(['scope', 'edition.sync.seq', 'last checkpoint', 'state'], scopes)]),
    ...(past.length === 0 ? [] : [table(['sync', 'outcome', 'records', 'ended'], past)]),
  ].join('\n\n');
}
