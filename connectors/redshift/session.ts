import type { Socket } from 'node:net';
import pg from 'pg';
import { SyncError } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';
import { sslOf } from '../kit/ssl.ts';
import type { Answer, Author, Binding, WarehouseSession } from '../kit/warehouse/warehouse.ts';
import { defaultPort, type RedshiftConfig } from './config.ts';
import { asRedshiftError } from './errors.ts';
import { numbered, quoteLiteral } from './sql.ts';

const connectMsMax = 30_000;
/** How long `close` waits for a polite goodbye. */
const goodbyeMs = 1_000;
/** Of a statement, waiting for locks and in the queue of the workload manager included. */
const statementMsMax = 2 * 60 * 60 * 1000;

// …/dg/r_statement_timeout.html, …/dg/r_timezone_config.html, …/dg/r_datestyle.html, …/dg/r_enable_case_sensitive_identifier.html
const settings = [
  `SET statement_timeout TO ${statementMsMax}`,
  "SET timezone TO 'UTC'",
  "SET datestyle TO 'ISO, YMD'",
  // Where a database or a user has it on: names are in lower case, for people who write them without quotes.
  'SET enable_case_sensitive_identifier TO false',
];

/** In the logs of queries, for who asks what a connection costs; queues may be chosen by it. (…/dg/r_query_group.html: some show 30 characters.) */
const groupOf = (author: Author | undefined): string =>
  author === undefined ? 'tidemark' : `tidemark:${author.connection.name}`;

/** Awaited before a session's first transaction. */
export type OnSession = (session: WarehouseSession) => Promise<void>;

export interface RedshiftSession extends WarehouseSession {
  /** The server's number of it, as its system tables name it. */
  readonly processId: number;
}

/** Server and database, for people. */
export function placeOf(config: RedshiftConfig): string {
  const { host, port, database } = clientOf(config);
  return `${host}:${port}/${database ?? ''}`;
}

/** Throws SyncErrors. */
export async function connect(
  config: RedshiftConfig,
  abort: AbortSignal,
  author?: Author,
  told: OnSession = () => Promise.resolve(),
): Promise<RedshiftSession> {
  const client = clientOf(config);
  const session = sessionOf(client, told);
  const stop = (): void => session.destroy();
  abort.addEventListener('abort', stop, { once: true });
  try {
    if (abort.aborted) throw aborted();
    await client.connect();
    for (const setting of settings) await client.query(setting);
    await client.query(`SET query_group TO ${quoteLiteral(groupOf(author))}`);
    return session;
  } catch (error) {
    session.destroy();
    throw asRedshiftError(error, abort, placeOf(config));
  } finally {
    abort.removeEventListener('abort', stop);
  }
}

function sessionOf(client: pg.Client, told: OnSession): RedshiftSession {
  const ended = new AbortController();
  let lost: Error | null = null;
  let pending = 0;
  let isTold = false;
  client.on('error', (error) => {
    lost ??= error;
  });
  const destroy = (): void => {
    lost ??= new SyncError('transient_error', 'The connection to Redshift was closed.', {
      origin: 'destination',
    });
    ended.abort(lost);
    // The driver offers no way to drop a connection with a query pending but its socket.
    (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
  };
  const session: RedshiftSession = {
    ended: ended.signal,
    get processId() {
      return (client as unknown as { readonly processID: number }).processID;
    },
    async query(sql: string, values: readonly Binding[] = []): Promise<Answer> {
      if (lost !== null) throw lost;
      if (!isTold && sql.startsWith('BEGIN')) {
        await told(session);
        isTold = true;
      }
      pending += 1;
      try {
        const text = values.length === 0 ? sql : numbered(sql);
        const { rows, rowCount } = await client.query<Record<string, unknown>>(text, [...values]);
        return { rows, count: rowCount ?? 0 };
      } finally {
        pending -= 1;
      }
    },
    destroy,
    async close() {
      if (pending === 0 && lost === null) await goodbye(client);
      destroy();
    },
  };
  return session;
}

async function goodbye(client: pg.Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, goodbyeMs);
  });
  await Promise.race([client.end().catch(() => undefined), late]);
  clearTimeout(timer);
}

/** The driver throws at once for a URL that it can't read; its message would hold the password. */
function clientOf(config: RedshiftConfig): pg.Client {
  try {
    return new pg.Client(clientConfig(config));
  } catch {
    throw new SyncError('config_error', 'The Redshift URL is not valid.', {
      origin: 'destination',
      place: 'url in the config of the destination',
      remedy: `Write it as postgres://user:password@host:${defaultPort}/database.`,
    });
  }
}

function clientConfig(config: RedshiftConfig): pg.ClientConfig {
  const { url, host, port = defaultPort, database, username, password } = config;
  return {
    ...(url === undefined
      ? { host, port, database, user: username, password }
      : { connectionString: withPort(url) }),
    ssl: sslOf(config.ssl ?? 'verify-full', config.ssl_ca),
    application_name: 'tidemark',
    connectionTimeoutMillis: connectMsMax,
    keepAlive: true,
  };
}

/** The driver would take Postgres' port. */
function withPort(text: string): string {
  const url = new URL(text.replace(/^(redshift|postgresql):/, 'postgres:'));
  if (url.port === '') url.port = String(defaultPort);
  // What of the driver's own options stands there would win over ssl.
  url.search = '';
  return url.href;
}
