import type { Socket } from 'node:net';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { SyncError } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';
import { sslOf } from '../kit/ssl.ts';
import type { ServerConfig } from './config.ts';
import { asPostgresError } from './errors.ts';

export const connectTimeoutMs = 15_000;
/** How long `close` waits for a polite goodbye. */
const goodbyeMs = 1_000;

export interface SessionOptions {
  /** Shown by the server. Postgres cuts at 63 bytes. */
  readonly name: string;
  /** Whose failures its errors are. */
  readonly origin: 'source' | 'destination';
  /** Statements that follow what every session sets. */
  readonly settings: string;
  /** The server looks this often whether its client is still there, ms. */
  readonly clientCheckMs: number;
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

  readonly #origin: SessionOptions['origin'];

  private constructor(client: pg.Client, origin: SessionOptions['origin']) {
    this.#client = client;
    this.#origin = origin;
    this.place = `${client.host}:${client.port}/${client.database ?? ''}`;
    client.on('error', (error) => {
      this.#lost ??= error;
    });
  }

  static async connect(
    config: ServerConfig,
    options: SessionOptions,
    abort: AbortSignal,
  ): Promise<Session> {
    const { origin } = options;
    const client = clientOf(config, options);
    const session = new Session(client, origin);
    const stop = (): void => session.destroy();
    abort.addEventListener('abort', stop, { once: true });
    try {
      if (abort.aborted) throw aborted();
      await client.connect();
      await client.query(settingsOf(options));
      return session;
    } catch (error) {
      session.destroy();
      throw asPostgresError(error, abort, session.place, origin);
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
      throw asPostgresError(error, abort, this.place, this.#origin);
    } finally {
      this.#busy -= 1;
      abort.removeEventListener('abort', stop);
    }
  }

  /** It can't be used any more. */
  get isLost(): boolean {
    return this.#lost !== null;
  }

  /** The server's, that serves it; null: none does. */
  get processId(): number | null {
    return this.isLost ? null : processIdOf(this.#client);
  }

  /** The driver offers no way to drop a connection with a query pending, nor to take what it sends as it comes, but its socket. */
  get socket(): Socket {
    return (this.#client as unknown as { connection: { stream: Socket } }).connection.stream;
  }

  destroy(): void {
    this.#lost ??= new SyncError('transient_error', 'The connection to Postgres was closed.', {
      origin: this.#origin,
    });
    this.socket.destroy();
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

const settingsOf = ({ settings, clientCheckMs }: SessionOptions): string => `
  SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET client_encoding = 'UTF8';
  SET standard_conforming_strings = on; SET jit = off; SET client_min_messages = warning;
  ${settings}
  DO $$ BEGIN
    PERFORM set_config('client_connection_check_interval', '${clientCheckMs}', false);
  EXCEPTION WHEN OTHERS THEN NULL; -- absent before 14, refused on some platforms
  END $$`;

/** The driver does not describe it. null: it was never connected. */
export function processIdOf(client: pg.Client): number | null {
  return (client as unknown as { readonly processID: number | null }).processID;
}

/** The driver throws at once for a URL that it can't read; its message would hold the password. */
export function clientOf(
  config: ServerConfig,
  { name, origin }: Pick<SessionOptions, 'name' | 'origin'>,
  more: object = {},
): pg.Client {
  try {
    return new pg.Client({ ...clientConfig(config, name), ...more });
  } catch {
    throw new SyncError('config_error', 'The Postgres URL is not valid.', {
      origin,
      remedy: 'Check url in the config.',
    });
  }
}

function clientConfig(config: ServerConfig, name: string): pg.ClientConfig {
  const { url, host, port, database, username, password, ssl } = config;
  return {
    ...(url !== undefined && { connectionString: ssl === undefined ? url : withoutSsl(url) }),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(database !== undefined && { database }),
    ...(username !== undefined && { user: username }),
    ...(password !== undefined && { password }),
    ...(ssl !== undefined && { ssl: sslOf(ssl, config.ssl_ca) }),
    application_name: name,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  };
}

/** To the driver what stands in the URL counts more than what is set beside it. */
function withoutSsl(text: string): string {
  const at = text.indexOf('?');
  if (at < 0) return text;
  const search = new URLSearchParams(text.slice(at + 1));
  for (const name of [...search.keys()])
    if (/^(ssl|uselibpqcompat)/.test(name)) search.delete(name);
  return `${text.slice(0, at)}?${search.toString()}`;
}
