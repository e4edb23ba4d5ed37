import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError } from './service-error.ts';

const attemptsMax = 6;
/** Before the second one, ms; each later pause is about twice as long: 16 to 31 s in all. */
const pauseMs = 500;

/**
 * Jobs, each after one that has failed and may be followed. A table takes 5 loads and definitions in 10 s; those beyond fail, to be tried again later.
 * cloud.google.com/bigquery/docs/troubleshoot-quotas, /bigquery/quotas#standard_tables
 */
export async function again<T>(
  work: (attempt: number) => Promise<T>,
  mayFollow: (error: ServiceError) => boolean,
  abort: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      const isOver = error instanceof ServiceError && error.from === 'job';
      if (!isOver || !mayFollow(error) || attempt >= attemptsMax) throw error;
    }
    // Those that failed together are not to come again together.
    const pause = pauseMs * 2 ** (attempt - 1) * (1 + Math.random());
    await sleep(pause, undefined, { signal: abort });
  }
}

/** A job that failed so has changed nothing, whatever it was. */
export const isHasty = ({ reason }: ServiceError): boolean =>
  reason === 'rateLimitExceeded' || reason === 'jobRateLimitExceeded';
