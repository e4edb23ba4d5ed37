import {
  completedStreams,
  createCommitted,
  summaryStreamsMax,
  type Checkpoints,
  type Counts,
  type Progress,
  type StreamSummary,
  type SyncFailure,
  type SyncSummary,
  type WriteOutcome,
} from '../protocol/index.ts';

/** What every summary is made of. */
export interface SyncFacts {
  readonly syncNo: number;
  readonly workflowId: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly attempts: number;
  readonly progress: Progress | null;
  readonly checkpoints: Checkpoints;
}

type Done = Extract<WriteOutcome, { type: 'done' }>;

export function doneSummary(facts: SyncFacts, { summary }: Done): SyncSummary {
  return { ...base(facts, 'succeeded'), ...summary };
}

/** `partial`: at least one stream is done and one is not. Where all call themselves done, what failed is the sync: its success is not proven. */
export function failedSummary(facts: SyncFacts, failure: SyncFailure): SyncSummary {
  const { streams, ...told } = soFar(facts);
  // The source may call a stream complete that the destination did not take.
  const judged = streams.map((one) =>
    one.stream === failure.stream && one.status === 'COMPLETE'
      ? { ...one, status: 'INCOMPLETE' as const }
      : one,
  );
  const done = judged.filter(({ status }) => status === 'COMPLETE').length;
  const outcome = done > 0 && done < judged.length ? 'partial' : 'failed';
  return { ...base(facts, outcome), ...told, streams: judged, failure };
}

export function cancelledSummary(facts: SyncFacts, failure: SyncFailure | undefined): SyncSummary {
  return {
    ...base(facts, 'cancelled'),
    ...soFar(facts),
    ...(failure !== undefined && { failure }),
  };
}

export function skippedSummary(facts: SyncFacts, failure: SyncFailure): SyncSummary {
  return { ...base(facts, 'skipped'), ...soFar(facts), failure };
}

function base(
  { syncNo, workflowId, startedAt, endedAt, attempts }: SyncFacts,
  outcome: SyncSummary['outcome'],
) {
  return { syncNo, workflowId, outcome, startedAt, endedAt, attempts };
}

/** What the writers told before the end: the checkpoints' counts are the whole sync's. */
function soFar({
  syncNo,
  progress,
  checkpoints,
}: SyncFacts): Counts & Pick<SyncSummary, 'streams' | 'streamCount' | 'schema' | 'unfilled'> {
  const committed = createCommitted();
  for (const checkpoint of Object.values(checkpoints))
    if (checkpoint.epoch.syncNo === syncNo) committed.add(checkpoint);
  const completed = completedStreams(Object.values(checkpoints), syncNo, new Set());
  const told = progress?.epoch.syncNo === syncNo ? progress : null;
  const streams: readonly StreamSummary[] = (told?.streams ?? [])
    .map(({ stream, committed, status, nulled }) => ({
      stream,
      ...committed,
      // A stream that an earlier attempt completed was left out of the last one.
      status: completed.has(stream) ? 'COMPLETE' : status,
      nulled,
    }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, summaryStreamsMax);
  const { schema, unfilled } = told ?? {};
  return {
    ...committed.total,
    streams,
    streamCount: told?.streamCount ?? 0,
    ...(schema !== undefined && { schema }),
    ...(unfilled !== undefined && { unfilled }),
  };
}
