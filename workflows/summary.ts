import {
  completedStreams,
  createCommitted,
  streamSummaries,
  type Checkpoints,
  type Counts,
  type Progress,
  type StreamStatus,
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

/**
 * `partial`: at least one stream is done and one is not, be it that the sync never came to it. Where all are done, what failed is the sync:
 * its success is not proven.
 */
export function failedSummary(facts: SyncFacts, failure: SyncFailure): SyncSummary {
  const { streams, ...told } = soFar(facts);
  const listed = streams.filter(({ status }) => status === 'COMPLETE').length;
  // More may be done than are listed.
  const done = Math.max(listed, toldBy(facts)?.streamsDone ?? 0);
  const outcome = done > 0 && done < told.streamCount ? 'partial' : 'failed';
  const ended = streams.map((one) => ({ ...one, status: endedStatus(one.status) }));
  return { ...base(facts, outcome), ...told, streams: ended, failure };
}

/** Nothing runs any more. null: the source said nothing of it. */
function endedStatus(status: StreamStatus | null): StreamStatus | null {
  return status === 'COMPLETE' || status === null ? status : 'INCOMPLETE';
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

/** null: the attempts of this sync have told nothing. */
function toldBy({ syncNo, progress }: Pick<SyncFacts, 'syncNo' | 'progress'>): Progress | null {
  return progress?.epoch.syncNo === syncNo ? progress : null;
}

/** What the writers told before the end: the checkpoints' counts are the whole sync's. */
function soFar({
  syncNo,
  progress,
  checkpoints,
}: SyncFacts): Counts &
  Pick<SyncSummary, 'streams' | 'streamCount' | 'rejected' | 'cost' | 'schema' | 'unfilled'> {
  const committed = createCommitted();
  for (const checkpoint of Object.values(checkpoints))
    if (checkpoint.epoch.syncNo === syncNo) committed.add(checkpoint);
  const completed = completedStreams(Object.values(checkpoints), syncNo, new Set());
  const told = toldBy({ syncNo, progress });
  const streams = streamSummaries(
    // A stream that an earlier attempt completed was left out of the last one.
    (told?.streams ?? []).map((one) =>
      completed.has(one.stream) ? { ...one, status: 'COMPLETE' } : one,
    ),
  );
  const { rejected, cost, schema, unfilled } = told ?? {};
  return {
    ...committed.total,
    streams,
    streamCount: told?.streamCount ?? 0,
    ...(rejected !== undefined && { rejected }),
    ...(cost !== undefined && { cost }),
    ...(schema !== undefined && { schema }),
    ...(unfilled !== undefined && { unfilled }),
  };
}
