import { ScheduleNotFoundError, type Client } from '@temporalio/client';
import type { ConnectionSpec } from '../protocol/index.ts';
import { SyncError } from '../protocol/index.ts';
import { scheduleId, syncWorkflowId, type SyncInput } from '../workflows/messages.ts';
import { clientError } from './failure.ts';
import { describedSync, workflowTypes } from './starts.ts';
import { parseDuration } from './units.ts';

/** After an outage longer than this, missed syncs are not caught up: one sync covers them all. */
const catchupWindow = '1 hour';

export interface ScheduleStatus {
  readonly paused: boolean;
  readonly note: string | null;
  /** ISO 8601, soonest first. */
  readonly next: readonly string[];
}

export type ScheduleChange = 'created' | 'updated' | 'deleted' | 'none';

export interface Schedules {
  /** null: the connection has none. */
  describe(name: string): Promise<ScheduleStatus | null>;
  pause(name: string, note?: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** Starts a sync now as the schedule would; does nothing while one that it started runs. */
  trigger(name: string): Promise<void>;
  delete(name: string): Promise<void>;
}

export function schedules(client: Client): Schedules {
  const on = async (name: string, act: () => Promise<unknown>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      throw scheduleError(error, name);
    }
  };
  const handleOf = (name: string) => client.schedule.getHandle(scheduleId(name));
  return {
    async describe(name) {
      try {
        const { state, info } = await handleOf(name).describe();
        return {
          paused: state.paused,
          note: state.note ?? null,
          next: info.nextActionTimes.map((time) => time.toISOString()),
        };
      } catch (error) {
        if (error instanceof ScheduleNotFoundError) return null;
        throw clientError(error, scheduleId(name));
      }
    },
    pause: (name, note = 'Paused by tidemark') => on(name, () => handleOf(name).pause(note)),
    resume: (name) => on(name, () => handleOf(name).unpause('Resumed by tidemark')),
    // The SDK's own default would start a second sync beside a running one.
    trigger: (name) => on(name, () => handleOf(name).trigger('SKIP')),
    delete: (name) => on(name, () => handleOf(name).delete()),
  };
}

/** Makes the schedule what the spec says; a paused one stays paused. */
export async function applySchedule(
  client: Client,
  taskQueue: string,
  spec: ConnectionSpec,
): Promise<ScheduleChange> {
  const id = scheduleId(spec.name);
  const handle = client.schedule.getHandle(id);
  try {
    if (spec.schedule === undefined) return await deleteIfThere(client, spec.name);
    const options = scheduleOptions(spec, taskQueue);
    try {
      await handle.update((previous) => ({ ...options, state: previous.state }));
      return 'updated';
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      await client.schedule.create({ scheduleId: id, ...options });
      return 'created';
    }
  } catch (error) {
    throw error instanceof TypeError ? refusedSchedule(error, spec.name) : clientError(error, id);
  }
}

/** The SDK's word for an invalid argument: what a cron field may hold is the server's to say. */
function refusedSchedule(error: TypeError, name: string): SyncError {
  return new SyncError('config_error', 'The server refuses this schedule.', {
    origin: 'tidemark',
    place: `${name}: ${error.message}`,
    remedy: "Correct `schedule` in the connection's file and apply it again.",
    cause: error,
  });
}

export async function deleteIfThere(client: Client, name: string): Promise<'deleted' | 'none'> {
  try {
    await client.schedule.getHandle(scheduleId(name)).delete();
    return 'deleted';
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return 'none';
    throw error;
  }
}

function scheduleOptions({ name, schedule }: ConnectionSpec, taskQueue: string) {
  const input: SyncInput = { connection: name };
  const { typedSearchAttributes, ...metadata } = describedSync(name);
  return {
    spec: {
      ...(schedule?.timezone !== undefined && { timezone: schedule.timezone }),
      ...(schedule !== undefined && 'cron' in schedule
        ? { cronExpressions: [schedule.cron] }
        : { intervals: [{ every: parseDuration(schedule?.every ?? '') ?? 0 }] }),
    },
    action: {
      type: 'startWorkflow' as const,
      workflowType: workflowTypes.sync,
      // Temporal appends the time of the run.
      workflowId: syncWorkflowId(name),
      taskQueue,
      args: [input],
      typedSearchAttributes,
      ...metadata,
    },
    policies: { overlap: 'SKIP' as const, catchupWindow },
    typedSearchAttributes,
  };
}

function scheduleError(error: unknown, name: string): SyncError {
  if (!(error instanceof ScheduleNotFoundError)) return clientError(error, scheduleId(name));
  return new SyncError('config_error', 'This connection has no schedule.', {
    origin: 'tidemark',
    place: name,
    remedy: 'Add `schedule: { every: 15m }` to its file and apply it.',
    cause: error,
  });
}
