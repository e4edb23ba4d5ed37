import {
  patched,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { SearchAttributeUpdatePair } from '@temporalio/common';
import {
  checkpointsOf,
  compareEpochs,
  mergeCheckpoints,
  type Begun,
  type Checkpoints,
  type Epoch,
  type Pause,
  type Progress,
  type SyncSummary,
} from '../protocol/index.ts';
import { syncDetails } from './details.ts';
import { checkpointsQuery, forwardSignal, syncStatusQuery, type SyncInput } from './messages.ts';
import { checkpointAtKey, recordsKey, statusKey } from './search-keys.ts';

/** Each upsert is an event of history: records and checkpoint times change no more often than this. */
const countsEveryMs = 60_000;

/** Of search attributes: what a sync that is neither over nor paused does. */
type Doing = 'running' | 'late' | 'overdue' | 'rate-limited' | 'retrying';

/** A patch of Temporal: syncs that older code has run were only told to be `running` or `late`. */
const waitsAreTold = 'status-tells-of-waits';

function statusOf({ late, overdue, rateLimit, next }: Progress): Doing {
  const known = late === undefined ? 'running' : 'late';
  const isNew = overdue === true || rateLimit !== undefined || next !== undefined;
  // Asked only where the answer makes a difference: it is an event of history.
  if (!isNew || !patched(waitsAreTold)) return known;
  if (next !== undefined) return next.failure.code === 'rate_limited' ? 'rate-limited' : 'retrying';
  return overdue === true ? 'overdue' : late === undefined ? 'rate-limited' : 'late';
}

/** What a sync shows of itself: queries, current details, search attributes. */
export interface SyncView {
  readonly progress: Progress | null;
  readonly checkpoints: Checkpoints;
  begun: Begun | null;
  summary: SyncSummary | null;
  /** null: it may run. */
  pause: Pause | null;
  show(status?: string): void;
}

export function createSyncView({ connection, continued }: SyncInput): SyncView {
  let progress: Progress | null = null;
  let checkpoints = checkpointsOf(continued?.checkpoints ?? []);
  let newest: Epoch = { syncNo: 0, at: 0 };
  let shownStatus = continued === undefined ? null : 'running';
  let countsAt = 0;
  const view: SyncView = {
    get progress() {
      return progress;
    },
    get checkpoints() {
      return checkpoints;
    },
    begun: continued?.begun ?? null,
    summary: null,
    pause: null,
    show,
  };

  function show(status?: string): void {
    const { begun, summary, pause } = view;
    const syncNo = begun?.syncNo ?? null;
    const segment = continued?.segment ?? 1;
    setCurrentDetails(
      syncDetails({ connection, syncNo, segment, progress, checkpoints, summary, pause }),
    );
    const changed: SearchAttributeUpdatePair[] = [];
    if (status !== undefined && status !== shownStatus) {
      shownStatus = status;
      changed.push({ key: statusKey, value: status });
    }
    if (summary !== null || Date.now() - countsAt >= countsEveryMs) changed.push(...counts());
    if (changed.length > 0) upsertSearchAttributes(changed);
  }

  function counts(): SearchAttributeUpdatePair[] {
    const records = view.summary?.records ?? progress?.committed.records;
    if (records === undefined) return [];
    countsAt = Date.now();
    const at = progress?.lastCheckpointAt ?? null;
    return [
      { key: recordsKey, value: records },
      ...(at === null ? [] : [{ key: checkpointAtKey, value: new Date(at) }]),
    ];
  }

  setHandler(
    forwardSignal,
    (forwarded) => {
      checkpoints = mergeCheckpoints(checkpoints, forwarded.checkpoints);
      // An attempt that was fenced off may still speak.
      if (compareEpochs(forwarded.epoch, newest) < 0) return;
      newest = forwarded.epoch;
      progress = forwarded.progress;
      show(view.pause === null ? statusOf(progress) : undefined);
    },
    { description: 'Checkpoints and progress, now and then. Sent by write attempts only.' },
  );
  setHandler(checkpointsQuery, () => Object.values(checkpoints), {
    description: 'The checkpoints that this sync has heard of.',
  });
  setHandler(
    syncStatusQuery,
    () => ({
      begun: view.begun,
      progress,
      checkpoints: Object.values(checkpoints),
      summary: view.summary,
      ...(view.pause !== null && { paused: view.pause }),
    }),
    { description: 'Progress, checkpoints, and the summary once it has ended.' },
  );
  return view;
}
