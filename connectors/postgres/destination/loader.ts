import { setTimeout as sleep } from 'node:timers/promises';
import {
  checkCount,
  streamId,
  SyncError,
  type Checkpoint,
  type Loader,
  type OfferedInput,
  type OpenInput,
  type Part,
  type PartId,
  type Receipt,
  type SealedPart,
  type StreamId,
} from '../../../protocol/index.ts';
import { Gatherer } from '../../kit/gather.ts';
import { sweepHidden } from '../../kit/hidden.ts';
import { exactFold } from '../../kit/identifiers.ts';
import { receipt, type Written } from '../../kit/receipt.ts';
import { tablesToPublish, targetWithColumns, type Table } from '../../kit/tables.ts';
import { outsideCatalog, planTargets } from '../../kit/targets.ts';
import { writePart } from './commit.ts';
import { asPostgresError, isConflict, isDataError } from '../errors.ts';
import { PostgresLedger } from './ledger.ts';
import { defaultSchema, type PostgresConfig } from './config.ts';
import { whyFailed } from './lost-session.ts';
import { PostgresOffers } from './offers.ts';
import { endOlderSessions } from './older-sessions.ts';
import { fieldsOf, type Fields } from './fields.ts';
import {
  CopyOutlet,
  partTableColumns,
  PostgresPart,
  type PartTable,
  type PostgresSealedPart,
} from './part.ts';
import { publish } from './publish.ts';
import type { Session } from '../session.ts';
import { connectWriter, sessionName } from './writer-session.ts';
import { ensureTable, unknownFields } from './tables.ts';
import { castFunction, mustFitFunction, type Manner } from './types.ts';

/** After a deadlock, a serialization failure or a lock's time limit a commit runs again this often. */
const conflictRetriesMax = 5;
const conflictDelayMs = 200;

/** What `open` made. */
interface Opened {
  readonly input: OpenInput;
  readonly session: Session;
  readonly ledger: PostgresLedger;
  readonly tables: Map<StreamId, Table>;
  /** Of rows that come as fields. */
  readonly fields: ReadonlyMap<StreamId, Fields>;
}

/** One session; parts are temporary tables in it, filled by COPY; a commit is INSERT … SELECT from them. */
export class PostgresLoader implements Loader {
  readonly #config: PostgresConfig;
  readonly #gatherer = new Gatherer();
  readonly #repairing = new Set<StreamId>();
  readonly #careful = new Set<StreamId>();
  /** Temporary tables that are free again: making one for every part would bloat the catalog. */
  readonly #freeTables: PartTable[] = [];
  #tableCount = 0;
  #opened: Opened | null = null;
  #session: Session | null = null;
  #closed = false;

  constructor(config: PostgresConfig) {
    this.#config = config;
  }

  async open(input: OpenInput): Promise<readonly Checkpoint[]> {
    const { connection, epoch, abort, catalog } = input;
    const session = await connectWriter(this.#config, sessionName(connection, epoch), abort);
    this.#session = session;
    if (this.#closed) session.destroy();
    return session.alone(abort, async () => {
      await endOlderSessions(session, connection, epoch);
      const ledger = new PostgresLedger(session, this.#config.schema ?? defaultSchema);
      await ledger.prepare();
      const targets = planTargets(catalog, await ledger.knownTables(connection), {
        schema: ledger.schema,
        fold: exactFold,
      });
      const held = await ledger.fence(input, targets);
      await session.query(mustFitFunction);
      await session.query(castFunction('jsonb'));
      const tables = new Map<StreamId, Table>();
      for (const target of targets) {
        await sweepHidden(ledger, target);
        tables.set(target.stream, await ensureTable(session, ledger, target));
      }
      if (input.offer !== undefined)
        await new PostgresOffers(session, ledger).keep(connection, epoch.syncNo, input.offer);
      const fields = new Map(catalog.streams.map((one) => [streamId(one.stream), fieldsOf(one)]));
      this.#opened = { input, session, ledger, tables, fields };
      return held;
    });
  }

  async offered({ connection, epoch, abort }: OfferedInput): Promise<string | null> {
    const session = await connectWriter(this.#config, sessionName(connection, epoch), abort);
    this.#session = session;
    if (this.#closed) session.destroy();
    const ledger = new PostgresLedger(session, this.#config.schema ?? defaultSchema);
    return session.alone(abort, () =>
      new PostgresOffers(session, ledger).before(connection, epoch.syncNo),
    );
  }

  async part(stream: StreamId, id: PartId): Promise<Part> {
    const { session, input, tables, fields: all } = this.#open();
    if (!tables.has(stream)) throw outsideCatalog(stream);
    const table = this.#freeTables.pop() ?? (await this.#makePartTable(session, input.abort));
    const fields = all.get(stream)!.size;
    const outlet = new CopyOutlet({ session, table, stream, fields, repairing: this.#repairing });
    return new PostgresPart({
      gathered: this.#gatherer.part(outlet),
      session,
      stream,
      id,
      table,
      holds: outlet.holds,
      abort: input.abort,
      free: (name) => this.#free([name]),
    });
  }

  async commit(
    parts: readonly SealedPart[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<Receipt> {
    const { session, input, ledger } = this.#open();
    const sealed = parts as readonly PostgresSealedPart[];
    let written: Written[];
    try {
      written = await session.alone(abort, async () => {
        const filled = sealed.filter((part) => part.records > 0);
        for (const part of filled) await this.#widen(part);
        return this.#transact(filled, at, abort);
      });
    } catch (error) {
      throw await whyFailed(error, this.#config, input, ledger.schema);
    }
    await this.#free(sealed.map((part) => part.table));
    return receipt(sealed, written);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#session?.close();
  }

  #open(): Opened {
    if (this.#opened !== null) return this.#opened;
    throw new SyncError('system_error', 'The loader is not open.', { origin: 'tidemark' });
  }

  async #makePartTable(session: Session, abort: AbortSignal): Promise<PartTable> {
    this.#tableCount += 1;
    const table = `tidemark_part_${this.#tableCount}`;
    await session.alone(abort, () =>
      session.query(`CREATE TEMPORARY TABLE ${table} (${partTableColumns})`),
    );
    return { sql: `pg_temp.${table}`, cells: 0 };
  }

  /** The rows are committed or not wanted: a failure here is the next call's to tell. */
  async #free(tables: readonly PartTable[]): Promise<void> {
    const { session, input } = this.#open();
    for (const table of tables) {
      try {
        await session.alone(input.abort, () => session.query(`TRUNCATE ${table.sql}`));
        this.#freeTables.push(table);
      } catch {
        return;
      }
    }
  }

  /** Columns for keys that the table lacks. Outside the transaction, as all DDL. */
  async #widen(part: PostgresSealedPart): Promise<void> {
    const { session, ledger, tables } = this.#open();
    // Rows that come as fields have those of the schema.
    if (!part.holds.has('jsonl')) return;
    const table = tables.get(part.stream)!;
    const unknown = await unknownFields(session, table, part.table.sql);
    if (unknown.length === 0) return;
    const wider = await ensureTable(session, ledger, targetWithColumns(table), unknown);
    tables.set(part.stream, wider);
  }

  /** Repeats the transaction after conflicts, and once the careful way for streams with values that don't fit. */
  async #transact(
    parts: readonly PostgresSealedPart[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<Written[]> {
    for (let conflicts = 0; ;) {
      const place: { stream: StreamId | null } = { stream: null };
      try {
        return await this.#transaction(parts, at, place);
      } catch (error) {
        await this.#open().ledger.rollback();
        if (isDataError(error) && place.stream !== null && !this.#careful.has(place.stream)) {
          this.#careful.add(place.stream);
          continue;
        }
        if (!isConflict(error) || conflicts >= conflictRetriesMax)
          throw asPostgresError(error, abort, this.#open().session.place);
        conflicts += 1;
        await sleep(conflictDelayMs * conflicts, undefined, { signal: abort });
      }
    }
  }

  /** Rows and checkpoints become durable together. Invariants 1 and 3. */
  async #transaction(
    parts: readonly PostgresSealedPart[],
    at: readonly Checkpoint[],
    place: { stream: StreamId | null },
  ): Promise<Written[]> {
    const { session, ledger, tables, input, fields } = this.#open();
    const written: Written[] = [];
    await session.query('BEGIN');
    const streams = parts.map(({ stream }) => stream);
    await ledger.advance(input.connection, input.epoch, { streams, at });
    for (const { stream, table, holds, records: given } of parts) {
      place.stream = stream;
      const manner: Manner = this.#careful.has(stream) ? 'careful' : 'hurried';
      const part = { table: table.sql, holds, fields: fields.get(stream)! };
      const one = await writePart(session, tables.get(stream)!, part, manner);
      checkCount({ stream, given, loaded: one.rows, committed: false });
      written.push(one);
    }
    place.stream = null;
    const published = await this.#publish(at);
    await session.query('COMMIT');
    for (const table of published) tables.set(table.target.stream, table);
    return written;
  }

  /** Inside the transaction: hidden tables of streams that are complete take the place of the visible ones. */
  async #publish(at: readonly Checkpoint[]): Promise<Table[]> {
    const { session, ledger, tables, input } = this.#open();
    const published: Table[] = [];
    for (const table of tablesToPublish(at, tables))
      published.push(await publish(session, ledger, table, input));
    return published;
  }
}
