import { rm } from 'node:fs/promises';
import {
  compareEpochs,
  SyncError,
  type Checkpoint,
  type Epoch,
  type Loader,
  type OfferedInput,
  type OpenInput,
  type Part,
  type PartId,
  type Receipt,
  type SealedPart,
  type StreamId,
} from '../../../protocol/index.ts';
import { Gatherer } from '../gather.ts';
import { sweepHidden } from '../hidden.ts';
import { fenced } from '../ledger.ts';
import { localPrefix, makeLocalDirectory } from '../local-directory.ts';
import { receipt } from '../receipt.ts';
import { unknownFields } from '../rows/observe.ts';
import type { RawRecord } from '../rows/records.ts';
import { createSlots } from '../slots.ts';
import { tablesToPublish, targetWithColumns, type Table } from '../tables.ts';
import { outsideCatalog, planTargets } from '../targets.ts';
import { ready, writePart, type Ready } from './commit.ts';
import { connectionHash, WarehouseLedger } from './ledger.ts';
import { WarehouseOffers } from './offers.ts';
import { RowsOutlet, StagedPart, type Staging, type WarehousePart } from './part.ts';
import { decide, exchange } from './publish.ts';
import { partPrefix, StagedTable } from './staged-table.ts';
import { ensureTable } from './tables.ts';
import { transaction } from './transaction.ts';
import { Turns } from './turns.ts';
import type { Stage, Warehouse, WarehouseSession } from './warehouse.ts';

/** Files on their way at once. Invariant 7: each is some MiB, on disk. */
const sendingMax = 3;

/** What `open` made. */
interface Opened {
  readonly input: OpenInput;
  /** For what is committed. */
  readonly turns: Turns;
  /** For tables, while the other is in a transaction: DDL would end that. */
  readonly side: Turns;
  readonly stage: Stage;
  readonly staging: Staging;
  readonly tables: Map<StreamId, Table>;
}

/** Parts are files that go to the warehouse while more is read; a commit loads them into staged tables, and moves the rows from there. */
export class WarehouseLoader implements Loader {
  readonly #warehouse: Warehouse;
  readonly #gatherer = new Gatherer();
  readonly #closing = new AbortController();
  #opened: Opened | null = null;
  readonly #sessions: Turns[] = [];
  #stage: Stage | null = null;
  #directory: string | null = null;

  constructor(warehouse: Warehouse) {
    this.#warehouse = warehouse;
  }

  async open(input: OpenInput): Promise<readonly Checkpoint[]> {
    const abort = this.#endedBy(input.abort);
    const turns = await this.#connect(abort);
    const tables = new Map<StreamId, Table>();
    const held = await turns.alone(abort, (session) => this.#prepare(session, input, tables));
    const side = await this.#connect(abort);
    const stage = (this.#stage = await this.#openStage(abort));
    await this.#sweep(side, stage, input);
    const { place, dialect } = this.#warehouse;
    const directory = (this.#directory = await makeLocalDirectory(
      localPrefix('warehouse', input.connection, [place]),
      input,
    ));
    const staging: Staging = {
      dialect,
      directory,
      slots: createSlots(sendingMax),
      shape: (stream, records) => this.#shape(stream, records),
      abort,
    };
    this.#opened = { input, turns, side, stage, staging, tables };
    return held;
  }

  async offered({ connection, epoch, abort }: OfferedInput): Promise<string | null> {
    const turns = await this.#connect(this.#endedBy(abort));
    return turns.alone(abort, (session) => {
      const ledger = new WarehouseLedger(this.#warehouse, session, connection);
      return new WarehouseOffers(this.#warehouse, session, ledger).before(connection, epoch.syncNo);
    });
  }

  async part(stream: StreamId, id: PartId): Promise<Part> {
    const { input, side, stage, staging, tables } = this.#open();
    if (!tables.has(stream)) throw outsideCatalog(stream);
    const staged = new StagedTable({
      ...{ warehouse: this.#warehouse, turns: side, stage, stream },
      name: partName(input, id),
    });
    const outlet = new RowsOutlet(staging, staged);
    return Promise.resolve(
      new StagedPart({
        gathered: this.#gatherer.part(outlet),
        ...{ outlet, id, staged, abort: staging.abort },
        free: (one) => one.drop(staging.abort),
      }),
    );
  }

  async commit(
    parts: readonly SealedPart[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<Receipt> {
    const { staging } = this.#open();
    const ending = this.#endedBy(abort);
    const sealed = parts as readonly WarehousePart[];
    let written: readonly Ready[];
    try {
      written = await this.#load(
        sealed.filter(({ records }) => records > 0),
        at,
        ending,
      );
    } catch (error) {
      throw await this.#whyFailed(error, ending);
    }
    // Durable by now: what stays is swept by the next `open`.
    await Promise.allSettled(sealed.map(({ staged }) => staged.drop(staging.abort)));
    return receipt(sealed, written);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([
      ...this.#sessions.map((turns) => turns.close()),
      ...(this.#stage === null ? [] : [this.#stage.close()]),
    ]);
    if (this.#directory !== null) await rm(this.#directory, { recursive: true, force: true });
  }

  #open(): Opened {
    if (this.#opened !== null) return this.#opened;
    throw new SyncError('system_error', 'The loader is not open.', { origin: 'tidemark' });
  }

  #endedBy(abort: AbortSignal): AbortSignal {
    return AbortSignal.any([abort, this.#closing.signal]);
  }

  async #connect(abort: AbortSignal): Promise<Turns> {
    const turns = await Turns.connect(this.#warehouse, abort);
    this.#sessions.push(turns);
    if (this.#closing.signal.aborted) turns.destroy();
    return turns;
  }

  async #openStage(abort: AbortSignal): Promise<Stage> {
    try {
      return await this.#warehouse.openStage(abort);
    } catch (error) {
      throw this.#warehouse.asError(error, abort);
    }
  }

  async #prepare(
    session: WarehouseSession,
    input: OpenInput,
    tables: Map<StreamId, Table>,
  ): Promise<readonly Checkpoint[]> {
    const { connection, epoch, catalog } = input;
    const { schema, dialect } = this.#warehouse;
    const ledger = new WarehouseLedger(this.#warehouse, session, connection);
    const targets = async () =>
      planTargets(catalog, await ledger.knownTables(), { schema, fold: dialect.fold });
    await ledger.prepare();
    const held = await ledger.fence(input, await targets());
    for (const publication of await ledger.publications())
      await exchange(this.#warehouse, session, ledger, publication);
    for (const target of await targets()) {
      await sweepHidden(ledger, target);
      tables.set(target.stream, await ensureTable(this.#warehouse, session, ledger, target));
    }
    if (input.offer !== undefined)
      await new WarehouseOffers(this.#warehouse, session, ledger).keep(
        ...([connection, epoch.syncNo, input.offer, input.abort] as const),
      );
    return held;
  }

  /** Removes what the connection's earlier writers staged. */
  async #sweep(side: Turns, stage: Stage, input: OpenInput): Promise<void> {
    const prefix = `${partPrefix}${connectionHash(input.connection)}_`;
    const { schema, dialect } = this.#warehouse;
    await side.alone(input.abort, async (session) => {
      for (const name of await this.#warehouse.tableNames(session, schema, prefix))
        if (isEarlier(name.slice(prefix.length), input.epoch))
          await session.query(`DROP TABLE IF EXISTS ${dialect.table(schema, name)}`);
    });
    for (const name of await stage.list(prefix))
      if (isEarlier(name.slice(prefix.length), input.epoch)) await stage.remove(name);
  }

  /** The stream's table with a place for all that is in these records. Outside transactions, as all DDL. */
  async #shape(stream: StreamId, records: readonly RawRecord[]): Promise<Table> {
    const { input, side, staging, tables } = this.#open();
    const known = tables.get(stream)!;
    const unknown = unknownFields(records, known);
    if (unknown.length === 0) return known;
    const table = await side.alone(staging.abort, (session) =>
      ensureTable(
        this.#warehouse,
        session,
        new WarehouseLedger(this.#warehouse, session, input.connection),
        ...([targetWithColumns(known), unknown] as const),
      ),
    );
    tables.set(stream, table);
    return table;
  }

  async #load(
    parts: readonly WarehousePart[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<readonly Ready[]> {
    const { turns, tables } = this.#open();
    for (const { staged } of parts) await staged.load(abort);
    return turns.alone(abort, async (session) => {
      const counted: Ready[] = [];
      for (const part of parts)
        counted.push(await ready(this.#warehouse.dialect, session, tables.get(part.stream)!, part));
      await this.#transact(session, counted, at, abort);
      return counted;
    });
  }

  /** A newer writer sweeps what this one staged, so that it fails with anything: the newer one is why. Invariant 3. */
  async #whyFailed(error: unknown, abort: AbortSignal): Promise<SyncError> {
    const told = this.#warehouse.asError(error, abort);
    if (abort.aborted || told.code === 'fenced') return told;
    const { input, side } = this.#open();
    const isFenced = await side
      .alone(abort, (session) =>
        new WarehouseLedger(this.#warehouse, session, input.connection).hasNewer(input.epoch),
      )
      .catch(() => false);
    return isFenced ? fenced() : told;
  }

  /** Rows and checkpoints become durable together. Invariants 1 and 3. */
  async #transact(
    session: WarehouseSession,
    parts: readonly Ready[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<void> {
    const { input, tables } = this.#open();
    const { dialect } = this.#warehouse;
    const ledger = new WarehouseLedger(this.#warehouse, session, input.connection);
    const published = await transaction(this.#warehouse, session, abort, async () => {
      await ledger.advance(input.epoch, { streams: parts.map(({ stream }) => stream), at });
      for (const part of parts) await writePart(dialect, session, tables.get(part.stream)!, part);
      const decided: Table[] = [];
      for (const table of tablesToPublish(at, tables))
        decided.push(await decide(this.#warehouse, session, ledger, table, input));
      return decided;
    });
    // What fails here is made up for by the next `open`.
    for (const table of published) {
      tables.set(table.target.stream, table);
      await exchange(this.#warehouse, session, ledger, table.target);
    }
  }
}

const partName = ({ connection }: OpenInput, id: PartId): string =>
  `${partPrefix}${connectionHash(connection)}_${id.replaceAll('-', '_')}`;

/** `rest`: of a part's name, from the sync's number on. */
function isEarlier(rest: string, epoch: Epoch): boolean {
  const [syncNo, at] = rest.split(/[-_]/).map(Number);
  return compareEpochs({ syncNo: syncNo ?? 0, at: at ?? 0 }, epoch) < 0;
}
