import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError } from '../../protocol/index.ts';
import type { Client } from './client.ts';
import { failedJob, ServiceError } from './service-error.ts';

/** How long one request waits for a job to end, ms. */
const waitMs = 20_000;

/**
 * Of jobs that failed for a passing reason, one after the other: more than the 10 s in which a table may be changed five times, then the attempt fails and
 * Temporal retries. cloud.google.com/bigquery/docs/troubleshoot-quotas#overview, /bigquery/quotas#standard_tables
 */
export const jobPatience = { triesMax: 8, pauseMs: 1_000, pauseMsMax: 16_000 };

/** What is read of a job: cloud.google.com/bigquery/docs/reference/rest/v2/Job */
export interface Job {
  readonly jobReference: { readonly jobId: string; readonly location?: string };
  readonly configuration?: {
    readonly load?: {
      readonly destinationTable?: TableReference;
      readonly sourceUris?: readonly string[];
    };
  };
  readonly status?: {
    readonly state?: string;
    readonly errorResult?: { readonly reason?: string; readonly message?: string };
  };
  readonly statistics?: {
    readonly query?: { readonly numDmlAffectedRows?: string; readonly statementType?: string };
    readonly load?: { readonly outputRows?: string };
    readonly sessionInfo?: { readonly sessionId?: string };
  };
}

export interface TableReference {
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId: string;
}

/** Jobs by names of our own, so that none runs twice: a lost answer to its start is looked up. */
export interface Jobs {
  /**
   * Starts it and waits for its end. `id` has been there: the job that is, whatever it is about. Throws ServiceErrors, of a job that failed too.
   * `media`: what a load brings.
   */
  run(id: string, configuration: object, abort: AbortSignal, media?: Uint8Array): Promise<Job>;
  /** Asks for its end, without waiting. */
  cancel(id: string): void;
}

/** `location`: where they run. `labels`: of each job. */
export function createJobs(
  client: Client,
  project: string,
  location: string,
  labels: Readonly<Record<string, string>> = {},
): Jobs {
  const find = (id: string, abort: AbortSignal): Promise<Job> =>
    client.send<Job>({ method: 'GET', path: pathOf(id), query: { location } }, abort);
  const start = async (
    id: string,
    configuration: object,
    abort: AbortSignal,
    media?: Uint8Array,
  ): Promise<Job> => {
    const jobReference = { projectId: project, jobId: id, location };
    const body = { jobReference, configuration: { ...configuration, labels } };
    try {
      return await client.send<Job>(
        { method: 'POST', path: '/jobs', body, ...(media !== undefined && { media }) },
        abort,
      );
    } catch (error) {
      // A job of this name is there: cloud.google.com/bigquery/docs/running-jobs#generate-jobid
      if (!(error instanceof ServiceError) || error.status !== 409) throw error;
      return find(id, abort);
    }
  };
  return {
    async run(id, configuration, abort, media) {
      let job = await start(id, configuration, abort, media);
      for (let waited = 0; job.status?.state !== 'DONE'; waited += 1) {
        await waitFor(client, id, location, waited, abort);
        job = await find(id, abort);
      }
      const { errorResult } = job.status;
      if (errorResult !== undefined) throw failedJob(errorResult);
      return job;
    },
    cancel(id) {
      const request = {
        method: 'POST',
        path: `${pathOf(id)}/cancel`,
        query: { location },
      } as const;
      client.send(request, AbortSignal.timeout(waitMs)).catch(() => undefined);
    },
  };
}

const pathOf = (id: string): string => `/jobs/${encodeURIComponent(id)}`;

/** getQueryResults waits at the service; of jobs that are no queries it refuses at once, and so it does once a job has failed. */
async function waitFor(
  client: Client,
  id: string,
  location: string,
  waited: number,
  abort: AbortSignal,
): Promise<void> {
  const query = { location, timeoutMs: waitMs, maxResults: 0 };
  const path = `/queries/${encodeURIComponent(id)}`;
  const isRefused = await client.send({ method: 'GET', path, query }, abort).then(
    () => false,
    (error: unknown) => {
      if (error instanceof ServiceError && error.from === 'answer') return true;
      throw error;
    },
  );
  if (isRefused) await pause(waited, abort);
}

const pauseMsMax = 2_000;

async function pause(times: number, abort: AbortSignal): Promise<void> {
  await sleep(Math.min(pauseMsMax, 100 * 2 ** Math.min(times, 5)), undefined, { signal: abort });
}

/** Invariant 7: a statement that gives more was not meant to. */
export const rowsMax = 100_000;

export function tooManyRows(): SyncError {
  return new SyncError('system_error', 'A statement gave more rows than it should.', {
    origin: 'destination',
    facts: { rowsMax },
  });
}
