import { randomBytes } from 'node:crypto';
import mysql, { type Connection, type ConnectionOptions } from 'mysql2';
import { aborted } from '../../kit/gather.ts';
import {
  clientOptions,
  destroySocket,
  isMariadb,
  quietS,
  sayGoodbye,
  settingOf,
  within,
} from '../client.ts';
import { loginOf, placeOf } from '../config.ts';
import { asMysqlError, numberOf } from '../errors.ts';
import type { MysqlSourceConfig } from './config.ts';

/** How long ending a session may take. */
const goodbyeMs = 500;

export type TextRows = readonly (readonly (string | null)[])[];
/** A row's fields as the server writes them; null: SQL NULL. */
export type Fields = readonly (Buffer | null)[];

/** What the server sends for one statement. Events come one after the other, none after `end` or `failed`. */
export interface Listener {
  row(this: void, fields: Fields): void;
  end(this: void): void;
  failed(this: void, error: unknown): void;
}

/** One connection that only reads. Its errors are the driver's until `asMysqlError` maps them. */
export interface Session {
  /** Server and database, for people. */
  readonly place: string;
  readonly isMariadb: boolean;
  /** All rows of a small answer, as text. */
  query(sql: string): Promise<TextRows>;
  send(sql: string, listener: Listener): void;
  pause(): void;
  resume(): void;
  /** Ends what is pending on the server too, and frees everything. Idempotent. */
  close(): Promise<void>;
}

/** An abort ends the connection, whatever it does. */
export async function openSession(config: MysqlSourceConfig, abort: AbortSignal): Promise<Session> {
  if (abort.aborted) throw aborted();
  const login = loginOf(config, 'source');
  const place = placeOf(login);
  const options = clientOptions(login, config);
  const client = mysql.createConnection(options);
  let pending: Listener | null = null;
  // A statement whose rows are heard one by one is not told by itself that its connection is lost.
  client.on('error', (error) => pending?.failed(error));
  const stop = (): void => destroySocket(client);
  abort.addEventListener('abort', stop, { once: true });
  const mark = `/* tidemark ${randomBytes(8).toString('hex')} */`;
  let isOpen = false;
  let isBusy = false;

  const query = async (sql: string): Promise<TextRows> => {
    isBusy = true;
    const rows = await rowsOf(client, `${mark} ${sql}`).catch((error: unknown) => {
      isBusy = !isAnswer(error);
      throw error;
    });
    isBusy = false;
    return rows;
  };
  const close = async (): Promise<void> => {
    abort.removeEventListener('abort', stop);
    if (isOpen && !isBusy) await sayGoodbye(client, goodbyeMs);
    stop();
    // A server that sorts does not notice that nobody listens any more.
    if (isOpen && isBusy) await within(killMarked(options, mark), goodbyeMs);
  };
  let closing: Promise<void> | null = null;
  try {
    const [row] = await query('SELECT version()');
    isOpen = true;
    const isMaria = isMariadb(row?.[0] ?? '');
    for (const setting of settingsOf(isMaria)) await query(setting);
    return {
      ...{ place, isMariadb: isMaria, query },
      send(sql, listener) {
        isBusy = true;
        pending = listener;
        const sent = client.query({
          ...{ sql: `${mark} ${sql}`, rowsAsArray: true },
          typeCast: (field) => field.buffer(),
        });
        sent.on('result', (fields) => listener.row(fields as unknown as Fields));
        sent.on('error', (error) => {
          isBusy = !isAnswer(error);
          pending = null;
          listener.failed(error);
        });
        sent.on('end', () => {
          isBusy = false;
          pending = null;
          listener.end();
          // It may have paused at the last rows; the next statement is not to wait for that.
          client.resume();
        });
      },
      pause: () => client.pause(),
      resume: () => client.resume(),
      close: () => (closing ??= close()),
    };
  } catch (error) {
    await close();
    throw asMysqlError(error, abort, place, 'source');
  }
}

/** The server itself said so: it does nothing more of it. */
const isAnswer = (error: unknown): boolean => numberOf(error) !== undefined;

function rowsOf(client: Connection, sql: string): Promise<TextRows> {
  return new Promise((resolve, reject) => {
    client.query(
      { sql, rowsAsArray: true, typeCast: (field) => field.string('utf8') },
      (error, rows) => {
        if (error === null) resolve(Array.isArray(rows) ? (rows as unknown as TextRows) : []);
        else reject(error);
      },
    );
  });
}

/**
 * Ends the statement, and its connection, from another one. It is known by its mark alone: a number may be another connection's where a
 * proxy stands between. A user may end what is theirs.
 */
async function killMarked(options: ConnectionOptions, mark: string): Promise<void> {
  const client = mysql.createConnection(options);
  client.on('error', () => undefined);
  try {
    const found = await rowsOf(
      client,
      `SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE '${mark}%'`,
    );
    for (const [id] of found) await rowsOf(client, `KILL ${Number(id)}`);
  } catch {
    // Then it ends when it next writes to its socket.
  } finally {
    destroySocket(client);
  }
}

/** No limit of the server's or the role's ends a statement whose rows are taken slowly. */
const settingsOf = (isMaria: boolean): readonly string[] => [
  settingOf(),
  `SET SESSION net_write_timeout = ${quietS}`,
  `SET SESSION ${isMaria ? 'max_statement_time' : 'max_execution_time'} = 0`,
  'SET SESSION TRANSACTION READ ONLY',
];
