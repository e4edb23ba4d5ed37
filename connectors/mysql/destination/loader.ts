import { setTimeout as sleep } from 'node:timers/promises';
import {
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
import { receipt } from '../../kit/receipt.ts';
import { numbersIn, unknownFields } from '../../kit/rows/observe.ts';
import type { RawRecord } from '../../kit/rows/records.ts';
import { tablesToPublish, targetWithColumns, type Table } from '../../kit/tables.ts';
import { outsideCatalog, planTargets, type Target } from '../../kit/targets.ts';
import { asMysqlError, isConflict } from '../errors.ts';
import { dropStaged, ready, writePart, type Ready } from './commit.ts';
import type { MysqlConfig } from './config.ts';
import { MysqlLedger } from './ledger.ts';
import { whyFailed } from './lost-session.ts';
import { MysqlOffers } from './offers.ts';
import { announce, endOlderSessions } from './older-sessions.ts';
import { LoadOutlet, MysqlPart, StagedTable, type MysqlSealedPart } from './part.ts';
import { decide, exchange, planPublish, type PublishPlan } from './publish.ts';
import { Session } from './session.ts';
import { numberTypes } from './cells.ts';
import { ensureTable } from './tables.ts';
import { widen } from './widen.ts';

/** After a deadlock or a lock's time limit a commit runs again this often. */
const conflictRetriesMax = 5;
const conflictDelayMs = 200;

/** What `open` made. */
interface Opened {
  readonly input: OpenInput;
  readonly session: Session;
  readonly ledger: MysqlLedger;
  readonly tables: Map<StreamId, Table>;
}

/** One session; parts are temporary tables in it, filled by LOAD DATA; a commit is INSERT … SELECT from them. */
export class MysqlLoader implements Loader {
  readonly #config: MysqlConfig;
  readonly #gatherer = new Gatherer();
  readonly #staged = new Set<StagedTable>();
  #stagedCount = 0;
  #opened: Opened | null = null;
  #session: Session | null = null;
  #closed = false;

  constructor(config: MysqlConfig) {
    this.#config = config;
  }

  async open(input: OpenInput): Promise<readonly Checkpoint[]> {
    const { connection, epoch, abort } = input;
    const session = await this.#connect(abort);
    return session.alone(abort, async () => {
      const ledger = new MysqlLedger(session);
      await ledger.prepare();
      await announce(session, ledger, connection, epoch);
      await endOlderSessions(session, ledger, connection, epoch);
      const held = await ledger.fence(input, await this.#targets(session, ledger, input));
      // One that came since: from now on the fence keeps them out.
      await endOlderSessions(session, ledger, connection, epoch);
      for (const publication of await ledger.publications(connection))
        await exchange(session, ledger, publication);
      const tables = new Map<StreamId, Table>();
      for (const target of await this.#targets(session, ledger, input)) {
        await sweepHidden(ledger, target);
        tables.set(target.stream, await ensureTable(session, ledger, target));
      }
      if (input.offer !== undefined)
        await new MysqlOffers(session, ledger).keep(connection, epoch.syncNo, input.offer);
      this.#opened = { input, session, ledger, tables };
      return held;
    });
  }

  async offered({ connection, epoch, abort }: OfferedInput): Promise<string | null> {
    const session = await this.#connect(abort);
    return session.alone(abort, () =>
      new MysqlOffers(session, new MysqlLedger(session)).before(connection, epoch.syncNo),
    );
  }

  async part(stream: StreamId, id: PartId): Promise<Part> {
    const { session, input, tables } = this.#open();
    if (!tables.has(stream)) throw outsideCatalog(stream);
    this.#stagedCount += 1;
    const staged = new StagedTable(session, stream, `tidemark_part_${this.#stagedCount}`);
    this.#staged.add(staged);
    const outlet = new LoadOutlet(session, staged, (of, records) => this.#shape(of, records));
    return Promise.resolve(
      new MysqlPart({
        gathered: this.#gatherer.part(outlet),
        ...{ session, id, staged, abort: input.abort },
        free: (one) => this.#free([{ staged: one }]),
      }),
    );
  }

  async commit(
    parts: readonly SealedPart[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<Receipt> {
    const { session, input } = this.#open();
    const sealed = parts as readonly MysqlSealedPart[];
    let written: readonly Ready[];
    try {
      written = await session.alone(abort, () =>
        this.#transact(
          sealed.filter(({ records }) => records > 0),
          at,
          abort,
        ),
      );
    } catch (error) {
      throw await whyFailed(error, this.#config, input);
    }
    await this.#free(sealed);
    return receipt(sealed, written);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#session?.close();
  }

  async #connect(abort: AbortSignal): Promise<Session> {
    const session = await Session.connect(this.#config, abort);
    this.#session = session;
    if (this.#closed) session.destroy();
    return session;
  }

  #open(): Opened {
    if (this.#opened !== null) return this.#opened;
    throw new SyncError('system_error', 'The loader is not open.', { origin: 'tidemark' });
  }

  async #targets(session: Session, ledger: MysqlLedger, input: OpenInput): Promise<Target[]> {
    return planTargets(input.catalog, await ledger.knownTables(input.connection), {
      schema: ledger.schema,
      fold: session.server.foldTable,
      narrow: 'bmp',
    });
  }

  /** The stream's table with a place for all that is in these records. Outside transactions, as all DDL. */
  async #shape(stream: StreamId, records: readonly RawRecord[]): Promise<Table> {
    const { session, ledger, tables } = this.#open();
    const known = tables.get(stream)!;
    const unknown = unknownFields(records, known);
    const table =
      unknown.length === 0
        ? known
        : await ensureTable(session, ledger, targetWithColumns(known), unknown);
    const wider = await widen(
      session,
      table,
      numbersIn(records, table, numberTypes).filter(({ isTight }) => isTight),
      ({ name }) => this.#stagedWith(stream, name),
    );
    tables.set(stream, wider);
    return wider;
  }

  #stagedWith(stream: StreamId, column: string): string[] {
    return [...this.#staged]
      .filter((staged) => staged.stream === stream && staged.hasColumn(column))
      .map(({ name }) => name);
  }

  /** The rows are committed or not wanted: a failure here is the next call's to tell. */
  async #free(parts: readonly Pick<MysqlSealedPart, 'staged'>[]): Promise<void> {
    const { session, input } = this.#open();
    for (const part of parts) {
      this.#staged.delete(part.staged);
      if (!part.staged.isMade) continue;
      try {
        await session.alone(input.abort, () => dropStaged(session, part));
      } catch {
        return;
      }
    }
  }

  /** Repeats the transaction after conflicts. */
  async #transact(
    parts: readonly MysqlSealedPart[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<readonly Ready[]> {
    const { session, ledger, tables } = this.#open();
    const written: Ready[] = [];
    for (const part of parts) written.push(await ready(session, tables.get(part.stream)!, part));
    const plans: PublishPlan[] = [];
    for (const table of tablesToPublish(at, tables))
      plans.push(await planPublish(session, ledger, table));
    for (let conflicts = 0; ; conflicts += 1) {
      try {
        await this.#transaction(written, at, plans);
        break;
      } catch (error) {
        await ledger.rollback();
        if (!isConflict(error) || conflicts >= conflictRetriesMax)
          throw asMysqlError(error, abort, session.place);
        await sleep(conflictDelayMs * (conflicts + 1), undefined, { signal: abort });
      }
    }
    // Durable by now: what fails here is made up for by the next `open`.
    for (const { table, replaced } of plans) {
      const { schema, table: name, generation, hidden } = table.target;
      if (replaced === null) await exchange(session, ledger, { schema, table: name, generation });
      else await ledger.dropTable(schema, hidden!);
    }
    return written;
  }

  /** Rows and checkpoints become durable together. Invariants 1 and 3. */
  async #transaction(
    parts: readonly Ready[],
    at: readonly Checkpoint[],
    plans: readonly PublishPlan[],
  ): Promise<void> {
    const { session, ledger, tables, input } = this.#open();
    await session.query('START TRANSACTION');
    const streams = parts.map(({ stream }) => stream);
    await ledger.advance(input.connection, input.epoch, { streams, at });
    for (const part of parts) await writePart(session, tables.get(part.stream)!, part);
    const published: Table[] = [];
    for (const plan of plans) published.push(await decide(session, ledger, plan, input));
    await session.query('COMMIT');
    for (const table of published) tables.set(table.target.stream, table);
  }
}
