import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { SyncError, type ConnectionRef, type Epoch } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';
import { shortHash } from '../kit/identifiers.ts';
import { type PostgresConfig } from './config.ts';
import { asPostgresError } from './errors.ts';

export const connectTimeoutMs = 15_000;
/** A statement waits this long for a lock, then the attempt fails and is retried. */
const lockTimeoutMs = 60_000;
/** One statement: a batch of some hundred megabytes, or a wide index. */
const statementTimeoutMs = 30 * 60_000;
/** A writer that stopped between two statements loses its transaction after this long. */
const idleTransactionTimeoutMs = 10 * 60_000;
/** A server looks this often whether its client is still there. */
const clientCheckMs = 5_000;
/** For one writer on the server: staged parts, and joins of a batch with its table. */
const tempBuffers = '32MB';
const workMemory = '64MB';
/** How long `close` waits for a polite goodbye. */
const goodbyeMs = 1_000;

/** Names a writer's session, so that a newer one can end it. Postgres cuts at 63 bytes. */
export function sessionName(connection: ConnectionRef, epoch: Epoch): string {
  return `${sessionPrefix(connection)}${epoch.syncNo}/${epoch.at}`;
}
export function sessionPrefix(connection: ConnectionRef): string {
  return `tidemark/${shortHash(connection.id, 16)}/`;
}

export type Row = Readonly<Record<string, unknown>>;

/** One connection, one user at a time. Its errors are the driver's until `asPostgresError` maps them at the loader's edge. */
export class Session {
  readonly #client: pg.Client;
  /** Server and database, for people. */
  readonly place: string;
  #turn: Promise<unknown> = Promise.resolve();
  #lost: Error | null = null;
  #busy = 0;

  private constructor(client: pg.Client) {
    this.#client = client;
    this.place = `${client.host}:${client.port}/${client.database ?? ''}`;
    client.on('error', (error) => {
      this.#lost ??= error;
    });
  }

  static async connect(config: PostgresConfig, name: string, abort: AbortSignal): Promise<Session> {
    const client = clientOf(config, name);
    const session = new Session(client);
    const stop = (): void => session.destroy();
    abort.addEventListener('abort', stop, { once: true });
    try {
      if (abort.aborted) throw aborted();
      await client.connect();
      await client.query(settings);
      return session;
    } catch (error) {
      session.destroy();
      throw asPostgresError(error, abort, session.place);
    } finally {
      abort.removeEventListener('abort', stop);
    }
  }

  async query(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<{ rows: Row[]; count: number }> {
    if (this.#lost !== null) throw this.#lost;
    const result = await this.#client.query<Row>(
      sql,
      values.length === 0 ? undefined : [...values],
    );
    return { rows: result.rows, count: result.rowCount ?? 0 };
  }

  /** COPY … FROM STDIN of these bytes; resolves with the number of rows once the server has them. */
  async copyIn(sql: string, bytes: Uint8Array): Promise<number> {
    if (this.#lost !== null) throw this.#lost;
    const stream = this.#client.query(copyFrom(sql));
    await new Promise<void>((resolve, reject) => {
      stream.once('error', reject);
      stream.once('finish', resolve);
      stream.end(bytes);
    });
    return stream.rowCount;
  }

  /** Runs `work` alone on this connection. An abort destroys the socket, which ends what is pending at once. */
  async alone<T>(abort: AbortSignal, work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => this.#run(abort, work));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #run<T>(abort: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (abort.aborted) throw aborted();
    const stop = (): void => this.destroy();
    abort.addEventListener('abort', stop, { once: true });
    this.#busy += 1;
    try {
      return await work();
    } catch (error) {
      throw asPostgresError(error, abort, this.place);
    } finally {
      this.#busy -= 1;
      abort.removeEventListener('abort', stop);
    }
  }

  destroy(): void {
    this.#lost ??= new SyncError('transient_error', 'The connection to Postgres was closed.', {
      origin: 'destination',
    });
    socketOf(this.#client).destroy();
  }

  async close(): Promise<void> {
    if (this.#busy === 0 && this.#lost === null) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, goodbyeMs);
      });
      await Promise.race([this.#client.end().catch(() => undefined), late]);
      clearTimeout(timer);
    }
    this.destroy();
  }
}

/** The driver offers no way to drop a connection with a query pending but its socket. */
function socketOf(client: pg.Client): { destroy(): void } {
  return (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream;
}

const settings = `
  SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET client_encoding = 'UTF8';
  SET standard_conforming_strings = on; SET jit = off; SET client_min_messages = warning;
  SET temp_buffers = '${tempBuffers}'; SET work_mem = '${workMemory}';
  SET lock_timeout = ${lockTimeoutMs}; SET statement_timeout = ${statementTimeoutMs};
  SET idle_in_transaction_session_timeout = ${idleTransactionTimeoutMs};
  DO $$ BEGIN
    PERFORM set_config('client_connection_check_interval', '${clientCheckMs}', false);
  EXCEPTION WHEN OTHERS THEN NULL; -- absent before 14, refused on some platforms
  END $$`;

/** The driver throws at once for a URL that it can't read; its message would hold the password. */
function clientOf(config: PostgresConfig, name: string): pg.Client {
  try {
    return new pg.Client(clientConfig(config, name));
  } catch {
    throw new SyncError('config_error', 'The Postgres URL is not valid.', {
      origin: 'destination',
      remedy: 'Check url in the config.',
    });
  }
}

function clientConfig(config: PostgresConfig, name: string): pg.ClientConfig {
  const { url, host, port, database, username, password, ssl } = config;
  return {
    ...(url !== undefined && { connectionString: url }),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(database !== undefined && { database }),
    ...(username !== undefined && { user: username }),
    ...(password !== undefined && { password }),
    ...(ssl === 'disable' && { ssl: false }),
    ...(ssl === 'require' && { ssl: { rejectUnauthorized: false } }),
    ...(ssl === 'verify-full' && { ssl: { rejectUnauthorized: true } }),
    application_name: name,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  };
}
