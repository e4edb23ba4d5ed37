import { open, realpath, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { statementsOn, type Row, type Statements } from '../kit/duckdb/statements.ts';
import { aborted } from '../kit/gather.ts';
import { quoteIdentifier } from '../kit/identifiers.ts';
import { defaultMemoryLimit, type DuckdbConfig } from './config.ts';
import { asDuckdbError, lockHolderOf, unusablePath } from './errors.ts';

/** Another process may be about to finish with the file. */
const lockWaitMsMax = 5_000;
const lockPollMs = 100;
/** Loading JSON gains little from more, and other syncs want some too. */
const threads = 2;

/** Statements on the open file. */
export class Database implements Statements {
  readonly #statements: Statements;
  /** DuckDB calls the file by its base name; a schema may be called so too, so every name is written out in full. */
  readonly #catalog: string;

  private constructor(statements: Statements, catalog: string) {
    this.#statements = statements;
    this.#catalog = catalog;
  }

  static async on(connection: DuckDBConnection): Promise<Database> {
    const statements = statementsOn(connection);
    const [found] = await statements.rows('SELECT current_database() AS catalog');
    return new Database(statements, found!['catalog'] as string);
  }

  schema(schema: string): string {
    return `${quoteIdentifier(this.#catalog)}.${quoteIdentifier(schema)}`;
  }

  table(schema: string, table: string): string {
    return `${this.schema(schema)}.${quoteIdentifier(table)}`;
  }

  rows(sql: string): Promise<Row[]> {
    return this.#statements.rows(sql);
  }

  run(sql: string): Promise<number> {
    return this.#statements.run(sql);
  }
}

/**
 * One user of a file at a time within the process. DuckDB's lock on the file keeps other processes out, but not this one: two instances on
 * one file would ruin it.
 */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work);
    const settled = mine.catch(() => undefined);
    this.#last.set(key, settled);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    }
  }
}

/** A DuckDB file that is open only while `use` runs, so that other programs can read it in between. */
export class DatabaseFile {
  readonly #config: DuckdbConfig;
  readonly #turns: Turns;

  constructor(config: DuckdbConfig, turns: Turns) {
    this.#config = config;
    this.#turns = turns;
  }

  /** Where staged records and DuckDB's temporary files go. */
  get stagingDirectory(): string {
    return `${this.#config.path}.tidemark`;
  }

  get path(): string {
    return this.#config.path;
  }

  async use<T>(abort: AbortSignal, work: (database: Database) => Promise<T>): Promise<T> {
    const key = await this.#prove();
    return this.#turns.take(key, async () => {
      try {
        return await this.#open(abort, work);
      } catch (error) {
        throw asDuckdbError(error, this.path, abort);
      }
    });
  }

  async #open<T>(abort: AbortSignal, work: (database: Database) => Promise<T>): Promise<T> {
    const instance = await this.#instance(abort);
    try {
      const connection = await instance.connect();
      const stop = (): void => connection.interrupt();
      abort.addEventListener('abort', stop, { once: true });
      try {
        const database = await Database.on(connection);
        // Never from the network, and every time is told in UTC.
        await database.run(`SET autoinstall_known_extensions = false; SET TimeZone = 'UTC'`);
        return await work(database);
      } finally {
        abort.removeEventListener('abort', stop);
        connection.closeSync();
      }
    } finally {
      instance.closeSync();
    }
  }

  async #instance(abort: AbortSignal): Promise<DuckDBInstance> {
    const deadline = Date.now() + lockWaitMsMax;
    for (;;) {
      if (abort.aborted) throw aborted();
      try {
        return await DuckDBInstance.create(this.path, {
          memory_limit: this.#config.memory_limit ?? defaultMemoryLimit,
          threads: String(threads),
          temp_directory: join(this.stagingDirectory, 'spill'),
        });
      } catch (error) {
        if (lockHolderOf(error) === undefined || Date.now() > deadline) throw error;
        await sleep(lockPollMs);
      }
    }
  }

  /** The file's one true name, after proving that it is a DuckDB file or may become one. */
  async #prove(): Promise<string> {
    const { path } = this.#config;
    const directory = await realpath(dirname(path)).catch(() => {
      throw unusablePath(path, 'The directory of the DuckDB file does not exist.', 'Create it.');
    });
    const found = await stat(path).catch(() => null);
    if (found === null) return join(directory, basename(path));
    if (!found.isFile())
      throw unusablePath(path, 'The path is no file.', 'Name a file in the config.');
    if (found.size > 0) await this.#proveMagic(path);
    return realpath(path);
  }

  /** DuckDB itself takes other kinds of files too. */
  async #proveMagic(path: string): Promise<void> {
    let file: FileHandle;
    try {
      file = await open(path, 'r+');
    } catch {
      throw unusablePath(
        path,
        'The DuckDB file cannot be read and written.',
        'Give the worker’s user read and write permission.',
      );
    }
    try {
      const head = Buffer.alloc(12);
      await file.read(head, 0, head.length, 0);
      if (head.toString('latin1', 8) !== 'DUCK')
        throw unusablePath(path, 'The file is not a DuckDB database.', 'Check path in the config.');
    } finally {
      await file.close();
    }
  }
}
