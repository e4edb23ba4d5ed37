import { Readable } from 'node:stream';
import mysql, { type Connection, type ResultSetHeader } from 'mysql2';
import { SyncError } from '../../../protocol/index.ts';
import { aborted } from '../../kit/gather.ts';
import type { Row } from '../../kit/ledger-cells.ts';
import { clientOptions, destroySocket, lockWaitS, sayGoodbye, settingOf } from '../client.ts';
import { placeOf } from '../config.ts';
import { asMysqlError } from '../errors.ts';
import { destinationLogin, type MysqlConfig } from './config.ts';
import { serverOf, type Server } from './server.ts';

/** How long the server waits for more of a piece that is being sent. */
const netReadS = 600;
/** What is sent goes in packets of this size: below every max_allowed_packet. */
const packetBytes = 256 * 1024;
/** Statements that the server keeps prepared for one session: it has room for some 16,000 of all. */
const preparedMax = 100;
/** How long `close` waits for a polite goodbye. */
const goodbyeMs = 1_000;

export interface Answer {
  readonly rows: Row[];
  /** Rows found, of an UPDATE also those that stay as they are. */
  readonly count: number;
}

/** One connection, one user at a time. Its errors are the driver's until `asMysqlError` maps them at the loader's edge. */
export class Session {
  readonly #client: Connection;
  /** Server and database, for people. */
  readonly place: string;
  readonly database: string;
  #server: Server | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #lost: Error | null = null;
  #busy = 0;

  private constructor(client: Connection, place: string, database: string) {
    this.#client = client;
    this.place = place;
    this.database = database;
    client.on('error', (error) => {
      this.#lost ??= error;
    });
  }

  static async connect(config: MysqlConfig, abort: AbortSignal): Promise<Session> {
    const login = destinationLogin(config);
    if (abort.aborted) throw aborted();
    const client = mysql.createConnection({ ...clientOptions(login, config), ...driverOptions });
    const place = placeOf(login);
    const session = new Session(client, place, login.database);
    const stop = (): void => session.destroy();
    abort.addEventListener('abort', stop, { once: true });
    try {
      await new Promise<void>((resolve, reject) =>
        client.connect((error) => (error === null ? resolve() : reject(error))),
      );
      session.#server = await serverOf(session);
      for (const setting of settings) await session.query(setting);
      // A table of hundreds of texts is refused otherwise, whatever is in it. MySQL wants a privilege for this, and the server may say so already.
      await session.query('SET SESSION innodb_strict_mode = OFF').catch(refusedToSet);
      return session;
    } catch (error) {
      session.destroy();
      throw asMysqlError(error, abort, place);
    } finally {
      abort.removeEventListener('abort', stop);
    }
  }

  get server(): Server {
    if (this.#server !== null) return this.#server;
    throw new SyncError('system_error', 'The session is not open.', { origin: 'tidemark' });
  }

  /** `values` go apart from the statement, which the server prepares. */
  async query(sql: string, values: readonly (string | number | null)[] = []): Promise<Answer> {
    if (this.#lost !== null) throw this.#lost;
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, result: unknown): void =>
        error === null ? resolve(answerOf(result)) : reject(error);
      if (values.length === 0) this.#client.query(sql, done);
      else this.#client.execute(sql, [...values], done);
    });
  }

  /** LOAD DATA LOCAL of these bytes. `warnings`: values that the server took differently than they were sent. */
  async load(
    sql: string,
    bytes: Uint8Array,
  ): Promise<{ readonly rows: number; readonly warnings: number }> {
    if (this.#lost !== null) throw this.#lost;
    const packets = function* (): Generator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += packetBytes)
        yield Buffer.from(
          bytes.buffer,
          bytes.byteOffset + at,
          Math.min(packetBytes, bytes.length - at),
        );
    };
    const infileStreamFactory = (): Readable => Readable.from(packets(), { objectMode: false });
    return new Promise((resolve, reject) => {
      this.#client.query<ResultSetHeader>({ sql, infileStreamFactory }, (error, result) =>
        error === null
          ? resolve({ rows: result.affectedRows, warnings: result.warningStatus })
          : reject(error),
      );
    });
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
      throw asMysqlError(error, abort, this.place);
    } finally {
      this.#busy -= 1;
      abort.removeEventListener('abort', stop);
    }
  }

  destroy(): void {
    this.#lost ??= new SyncError('transient_error', 'The connection to MySQL was closed.', {
      origin: 'destination',
    });
    destroySocket(this.#client);
  }

  async close(): Promise<void> {
    if (this.#busy === 0 && this.#lost === null) await sayGoodbye(this.#client, goodbyeMs);
    this.destroy();
  }
}

function answerOf(result: unknown): Answer {
  if (Array.isArray(result)) return { rows: result as Row[], count: result.length };
  return { rows: [], count: (result as ResultSetHeader).affectedRows };
}

/** A variable that the user may not set, or that the server does not know. */
function refusedToSet(error: unknown): Answer {
  if (![1193, 1227].includes((error as { errno?: number }).errno ?? 0)) throw error;
  return { rows: [], count: 0 };
}

const settings: readonly string[] = [
  settingOf([
    ...['STRICT_ALL_TABLES', 'NO_ZERO_DATE', 'NO_ZERO_IN_DATE', 'ERROR_FOR_DIVISION_BY_ZERO'],
    'NO_ENGINE_SUBSTITUTION',
  ]),
  `SET SESSION innodb_lock_wait_timeout = ${lockWaitS}, net_read_timeout = ${netReadS}`,
  // Rows are locked, not the gaps between them: writers of other connections would wait for nothing.
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

const driverOptions = {
  ...{ supportBigNumbers: true, bigNumberStrings: true, dateStrings: true },
  maxPreparedStatements: preparedMax,
};
