import { setTimeout as pause } from 'node:timers/promises';
import type { Connection, FileAndStageBindStatement, RowStatement } from 'snowflake-sdk';
import { SyncError } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';
import type { Answer, Author, Binding, WarehouseSession } from '../kit/warehouse/warehouse.ts';
import { loginOf, type SnowflakeConfig } from './config.ts';
import { snowflake } from './driver.ts';
import { literal } from './names.ts';
import { guarded } from './transactions.ts';

/** A statement waits this long for a table that another transaction has changed, s; then the attempt fails and is retried. */
export const lockWaitS = 60;
/** A statement is ended after this, s: nothing is to use up a warehouse for days. */
const statementS = 4 * 3600;
/** The driver asks again and again for an answer, for hours. No answer comes this long after the statement has ended anyway. */
const answerMsMax = (statementS + 300) * 1000;
/** More rows than this are no answer to anything that is asked here. */
const rowsMax = 100_000;
/** How long `close` waits for a polite goodbye. */
const goodbyeMs = 5_000;

/**
 * Whatever the account's own parameters are. `QUOTED_IDENTIFIERS_IGNORE_CASE` would make quoted names unquoted ones, and input formats decide what a
 * cast understands. A session whose client is gone ends what it was doing. (docs.snowflake.com: sql-reference/parameters)
 */
const settings = (tag: string): string =>
  `ALTER SESSION SET QUERY_TAG = ${literal(tag)}, TIMEZONE = 'UTC', AUTOCOMMIT = TRUE, LOCK_TIMEOUT = ${lockWaitS},
    STATEMENT_TIMEOUT_IN_SECONDS = ${statementS}, ABORT_DETACHED_QUERY = TRUE, QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE,
    DATE_INPUT_FORMAT = 'AUTO', TIME_INPUT_FORMAT = 'AUTO', TIMESTAMP_INPUT_FORMAT = 'AUTO'`;

/** Characters (docs.snowflake.com: sql-reference/parameters#query-tag). */
const tagCharsMax = 2_000;

/** What each statement carries in the query history, so that a connection's cost can be told there. */
export function tagOf({ query_tag: tag = 'tidemark' }: SnowflakeConfig, author?: Author): string {
  const own = author === undefined ? '' : `:${author.connection.name}`;
  return `${tag.slice(0, tagCharsMax - own.length)}${own}`;
}

/** Its errors are the driver's: see asSnowflakeError. */
export async function connect(
  config: SnowflakeConfig,
  abort: AbortSignal,
  author?: Author,
): Promise<WarehouseSession> {
  const login = loginOf(config);
  if (abort.aborted) throw aborted();
  const connection = snowflake.createConnection({
    ...login,
    application: 'Tidemark',
    // Longer than any source is quiet.
    clientSessionKeepAlive: true,
    // One more try: whoever waits for the login wants to hear why it fails.
    sfRetryMaxLoginRetries: 1,
    // No number passes through a double, and NULL is none.
    fetchAsString: ['Number', 'Date', 'JSON'],
    representNullAsStringNull: false,
    rowMode: 'object',
  });
  const session = createSession(connection);
  const stop = (): void => session.destroy();
  abort.addEventListener('abort', stop, { once: true });
  try {
    await session.login();
    await session.query(settings(tagOf(config, author)));
    return guarded(session, author);
  } catch (error) {
    session.destroy();
    throw error;
  } finally {
    abort.removeEventListener('abort', stop);
  }
}

function createSession(connection: Connection): WarehouseSession & { login(): Promise<void> } {
  const ended = new AbortController();
  const pending = new Set<RowStatement | FileAndStageBindStatement>();

  const execute = (sqlText: string, binds: readonly Binding[]): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const statement = connection.execute({
        sqlText,
        ...(binds.length > 0 && { binds: [...binds] }),
        // So that an answer that is too large is never held.
        streamResult: !isTransfer(sqlText),
        complete(error, done, rows) {
          pending.delete(statement);
          if (error) reject(error);
          else answerOf(done, rows).then(resolve, reject);
        },
      });
      pending.add(statement);
    });

  const destroy = (): void => {
    if (ended.signal.aborted) return;
    ended.abort(closed());
    // The server ends them at once, and rolls back; nobody waits for its answers.
    for (const statement of pending) statement.cancel(() => undefined);
    void leave(connection);
  };

  return {
    ended: ended.signal,
    login: () =>
      until(
        ended.signal,
        new Promise((resolve, reject) => {
          connection.connect((error) => (error ? reject(error) : resolve()));
        }),
      ),
    async query(sql, values = []) {
      ended.signal.throwIfAborted();
      const late = setTimeout(destroy, answerMsMax);
      try {
        return await until(ended.signal, execute(sql, values));
      } finally {
        clearTimeout(late);
      }
    },
    destroy,
    async close() {
      if (ended.signal.aborted) return;
      if (pending.size > 0) return destroy();
      ended.abort(closed());
      await Promise.race([leave(connection), pause(goodbyeMs, undefined, { ref: false })]);
    },
  };
}

/** The server rolls back what a session that ends has begun (docs.snowflake.com: sql-reference/transactions). */
const leave = (connection: Connection): Promise<void> =>
  new Promise((resolve) => {
    connection.destroy(() => resolve());
  });

const closed = (): SyncError =>
  new SyncError('transient_error', 'The connection to Snowflake was closed.', {
    origin: 'destination',
  });

/** What the driver answers itself, from the files that it sent. */
const isTransfer = (sql: string): boolean => /^PUT\b/i.test(sql);

/** `work`, or the signal's reason once it aborts: then the work is left to itself. */
function until<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

async function answerOf(
  statement: RowStatement | FileAndStageBindStatement,
  given: readonly Record<string, unknown>[] | undefined,
): Promise<Answer> {
  const rows = given ?? (await rowsOf(statement as RowStatement));
  return {
    rows: rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name.toLowerCase(), value])),
    ),
    count: Math.max(0, (statement as RowStatement).getNumUpdatedRows() ?? 0),
  };
}

async function rowsOf(statement: RowStatement): Promise<Record<string, unknown>[]> {
  if (statement.getNumRows() > rowsMax) throw tooMany(statement.getNumRows());
  const rows: Record<string, unknown>[] = [];
  for await (const row of statement.streamRows()) rows.push(row as Record<string, unknown>);
  return rows;
}

const tooMany = (rows: number): SyncError =>
  new SyncError('system_error', 'Snowflake answered with more rows than were asked for.', {
    origin: 'destination',
    facts: { rows, rowsMax },
  });
