import { randomUUID } from 'node:crypto';
import { SyncError } from '../../protocol/index.ts';
import type { Row } from '../kit/ledger-cells.ts';
import type { Answer, Binding, WarehouseSession } from '../kit/warehouse/warehouse.ts';
import { again } from './again.ts';
import type { Client } from './client.ts';
import { jobPatience, rowsMax, tooManyRows, type Job, type Jobs } from './jobs.ts';
import { literal } from './names.ts';
import { isTooOften } from './service-error.ts';

/** A session that is older is exchanged for a new one: the service ends it after 24 hours of silence, and after 7 days. ms */
const ageMsMax = 6 * 3600 * 1000;
/** How long `close` waits for its end, ms. */
const goodbyeMs = 5_000;

/** Told the name of each session of the service before a transaction begins in it. */
export type OnSession = (id: string) => Promise<void>;

interface Known {
  readonly id: string;
  readonly since: number;
}

/**
 * Statements are jobs. Those of a transaction run in a session of the service, which is made for the first of them: the others need none, and
 * may run beside. cloud.google.com/bigquery/docs/sessions-intro, /docs/transactions
 */
export function createSession(client: Client, jobs: Jobs, told: OnSession): WarehouseSession {
  const ending = new AbortController();
  let known: Known | null = null;
  let isOpen = false;
  let running: string | null = null;

  const run = async (query: Query): Promise<Job> => {
    const id = `tidemark_query_${randomUUID()}`;
    running = id;
    try {
      return await jobs.run(id, configurationOf(query), ending.signal);
    } finally {
      running = null;
    }
  };
  const sessionFor = async (): Promise<Known> => {
    if (known !== null && Date.now() - known.since < ageMsMax) return known;
    if (known !== null) endLater(jobs, known.id);
    known = null;
    const made = await run({ sql: 'SELECT 1', more: { createSession: true } });
    const id = made.statistics?.sessionInfo?.sessionId;
    if (id === undefined) throw noSession();
    known = { id, since: Date.now() };
    await told(id);
    return known;
  };
  const statement = (sql: string, values: readonly Binding[], id: string | undefined) =>
    run({
      ...{ sql, values },
      ...(id !== undefined && {
        more: { connectionProperties: [{ key: 'session_id', value: id }] },
      }),
    });
  const begin = async (sql: string): Promise<Job> => {
    const wasKnown = known !== null;
    const { id } = await sessionFor();
    isOpen = true;
    try {
      return await statement(sql, [], id);
    } catch (error) {
      // It was ended, or its last transaction was never told to be over: in a new one nothing is open.
      if (!wasKnown || ending.signal.aborted) throw error;
      endLater(jobs, id);
      known = null;
      return statement(sql, [], (await sessionFor()).id);
    }
  };
  const within = (sql: string, values: readonly Binding[]): Promise<Job> => {
    if (sql.startsWith('BEGIN')) return begin(sql);
    // A rollback is asked for after every failure, also that of a COMMIT.
    const id = isOpen || sql === 'ROLLBACK' ? known?.id : undefined;
    if (sql === 'COMMIT' || sql === 'ROLLBACK') isOpen = false;
    // Within a transaction all of it is done again: see isConflict.
    if (id !== undefined) return statement(sql, values, id);
    return again(jobPatience, isTooOften, ending.signal, () => statement(sql, values, id));
  };
  return {
    ended: ending.signal,
    async query(sql, values = []): Promise<Answer> {
      if (ending.signal.aborted) throw closed();
      try {
        const job = await within(sql, values);
        const query = job.statistics?.query ?? {};
        const rows =
          query.statementType === 'SELECT' ? await rowsOf(client, job, ending.signal) : [];
        return { rows, count: Number(query.numDmlAffectedRows ?? rows.length) };
      } catch (error) {
        throw ending.signal.aborted ? closed() : error;
      }
    },
    destroy() {
      if (ending.signal.aborted) return;
      ending.abort();
      if (running !== null) jobs.cancel(running);
      // Else an open transaction would be in everyone's way for a day.
      if (known !== null) endLater(jobs, known.id);
      known = null;
    },
    async close() {
      const last = known;
      known = null;
      ending.abort();
      if (last !== null)
        await endSession(jobs, last.id, AbortSignal.timeout(goodbyeMs)).catch(() => undefined);
    },
  };
}

/** What it has not committed is rolled back. The name is part of the statement there, not a parameter. cloud.google.com/bigquery/docs/sessions-terminating */
export async function endSession(jobs: Jobs, id: string, abort: AbortSignal): Promise<void> {
  await runQuery(jobs, { sql: `CALL BQ.ABORT_SESSION(${literal(id)})` }, abort);
}

function endLater(jobs: Jobs, id: string): void {
  endSession(jobs, id, AbortSignal.timeout(goodbyeMs)).catch(() => undefined);
}

export interface Query {
  readonly sql: string;
  readonly values?: readonly Binding[];
  /** Beside them: cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationQuery */
  readonly more?: object;
}

/** Outside every session. */
export const runQuery = (jobs: Jobs, query: Query, abort: AbortSignal): Promise<Job> =>
  jobs.run(`tidemark_query_${randomUUID()}`, configurationOf(query), abort);

/** A value that is null needs a type too: cloud.google.com/bigquery/docs/parameterized-queries */
const configurationOf = ({ sql, values = [], more }: Query): object => ({
  query: {
    ...{ useLegacySql: false, query: sql },
    ...(values.length > 0 && {
      parameterMode: 'POSITIONAL',
      queryParameters: values.map((value) => ({
        parameterType: { type: 'STRING' },
        parameterValue: { value },
      })),
    }),
    ...more,
  },
});

interface Results {
  readonly schema?: { readonly fields?: readonly { readonly name: string }[] };
  readonly rows?: readonly { readonly f: readonly { readonly v: unknown }[] }[];
  readonly pageToken?: string;
}

/** Numbers and booleans come as texts. */
async function rowsOf(client: Client, job: Job, abort: AbortSignal): Promise<readonly Row[]> {
  const { jobId, location } = job.jobReference;
  const rows: Row[] = [];
  let pageToken: string | undefined;
  do {
    const page: Results = await client.send(
      {
        method: 'GET',
        path: `/queries/${encodeURIComponent(jobId)}`,
        query: { ...(location !== undefined && { location }), ...(pageToken && { pageToken }) },
      },
      abort,
    );
    const names = (page.schema?.fields ?? []).map(({ name }) => name.toLowerCase());
    for (const { f } of page.rows ?? [])
      rows.push(Object.fromEntries(names.map((name, i) => [name, f[i]?.v ?? null])));
    if (rows.length > rowsMax) throw tooManyRows();
    ({ pageToken } = page);
  } while (pageToken !== undefined);
  return rows;
}

function closed(): SyncError {
  return new SyncError('transient_error', 'The session of BigQuery was closed.', {
    origin: 'destination',
  });
}

function noSession(): SyncError {
  return new SyncError('system_error', 'BigQuery made no session.', {
    origin: 'destination',
    remedy: 'Look whether the endpoint is BigQuery, or an emulator that has sessions.',
  });
}
