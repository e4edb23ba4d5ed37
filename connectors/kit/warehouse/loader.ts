import { rm } from 'node:fs/promises';
import {
  compareEpochs,
  SyncError,
  type CadenceBounds,
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
import { createSlots } from '../slots.ts';
import { tablesToPublish, type Table } from '../tables.ts';
import { outsideCatalog, planTargets } from '../targets.ts';
import { ready, writePart, type Ready } from './commit.ts';
import { CostMeter } from './cost.ts';
import { groupsOf, type Group } from './groups.ts';
import { connectionHash, WarehouseLedger } from './ledger.ts';
import type { Replacement } from './owners.ts';
import { WarehouseOffers } from './offers.ts';
import { RowsOutlet, StagedPart, type Staging, type WarehousePart } from './part.ts';
import { publish, replace } from './replace.ts';
import { Shapes } from './shapes.ts';
import { partPrefix, StagedTable } from './staged-table.ts';
import { ensureTable } from './tables.ts';
import { transaction } from './transaction.ts';
import { Turns } from './turns.ts';
import type { Author, Stage, Warehouse, WarehouseSession } from './warehouse.ts';
import { widePrefix } from './widen.ts';

/** For destinations of this loader: a GiB of JSON is some 100 to 250 MB compressed, and each commit makes a warehouse work for seconds. */
export const warehouseCadence: CadenceBounds = {
  batchBytesMax: 1024 * 1024 * 1024,
  intervalMsMin: 5 * 60_000,
  intervalMsMax: 15 * 60_000,
};

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
  readonly shapes: Shapes;
}

/** Parts are files that go to the warehouse while more is read; a commit loads them into staged tables, and moves the rows from there. */
export class WarehouseLoader implements Loader {
  readonly #warehouse: Warehouse;
  readonly #gatherer = new Gatherer();
  readonly #cost = new CostMeter();
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
    const turns = await this.#connect(abort, input);
    const { held, tables } = await turns.alone(abort, (session) => this.#prepare(session, input));
    const side = await this.#connect(abort, input);
    const stage = (this.#stage = await this.#told(abort, () =>
      this.#warehouse.openStage(abort, input),
    ));
    await this.#sweep(side, stage, input);
    const { place, dialect } = this.#warehouse;
    const directory = (this.#directory = await makeLocalDirectory(
      localPrefix('warehouse', input.connection, [place]),
      input,
    ));
    const ledger = (session: WarehouseSession) => this.#ledger(session, input);
    const shapes = new Shapes(this.#warehouse, side, ledger, tables);
    const staging: Staging = {
      dialect,
      directory,
      slots: createSlots(sendingMax),
      shape: (stream, records) => shapes.fit(stream, records, abort),
      abort,
    };
    this.#opened = { input, turns, side, stage, staging, shapes };
    return held;
  }

  async offered({ connection, epoch, abort }: OfferedInput): Promise<string | null> {
    const turns = await this.#connect(this.#endedBy(abort), { connection, epoch });
    return turns.alone(abort, (session) => {
      const ledger = this.#ledger(session, { connection });
      return new WarehouseOffers(this.#warehouse, session, ledger).before(connection, epoch.syncNo);
    });
  }

  async part(stream: StreamId, id: PartId): Promise<Part> {
    const { input, side, stage, staging, shapes } = this.#open();
    if (!shapes.has(stream)) throw outsideCatalog(stream);
    const staged = new StagedTable({
      ...{ warehouse: this.#warehouse, turns: side, stage, cost: this.#cost, stream },
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
    return { ...receipt(sealed, written), cost: this.#cost.take() };
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

  async #connect(abort: AbortSignal, author: Author): Promise<Turns> {
    const turns = await Turns.connect(this.#warehouse, this.#cost, author, abort);
    this.#sessions.push(turns);
    if (this.#closing.signal.aborted) turns.destroy();
    return turns;
  }

  async #told<T>(abort: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#warehouse.asError(error, abort);
    }
  }

  async #prepare(
    session: WarehouseSession,
    input: OpenInput,
  ): Promise<{ readonly held: readonly Checkpoint[]; readonly tables: readonly Table[] }> {
    const { connection, epoch, catalog, offer, abort } = input;
    const { schema, dialect } = this.#warehouse;
    const { fold, narrow = false, spell } = dialect;
    const ledger = this.#ledger(session, input);
    const targets = async () =>
      planTargets(catalog, await ledger.owners.known(), {
        ...{ schema, fold, narrow, spell },
      });
    await this.#warehouse.makeSchema(session, schema);
    // Before all that could wait for a lock which a frozen writer holds. Invariant 3.
    await this.#warehouse.takeOver?.(session, connectionHash(connection), epoch);
    await ledger.prepare();
    const held = await ledger.fence(input, await targets());
    for (const replacement of await ledger.owners.replacements())
      await replace(this.#warehouse, session, ledger, replacement);
    const tables: Table[] = [];
    for (const target of await targets()) {
      await sweepHidden(ledger, target);
      await sweepEarlier(ledger, target.schema, widePrefix(target.schema, target.table), epoch);
      tables.push(await ensureTable(this.#warehouse, session, ledger, target));
    }
    const offers = new WarehouseOffers(this.#warehouse, session, ledger);
    if (offer !== undefined) await offers.keep(connection, epoch.syncNo, offer, abort);
    return { held, tables };
  }

  /** Removes what the connection's earlier writers staged. */
  async #sweep(side: Turns, stage: Stage, input: OpenInput): Promise<void> {
    const prefix = `${partPrefix}${connectionHash(input.connection)}_`;
    await side.alone(input.abort, (session) =>
      sweepEarlier(this.#ledger(session, input), this.#warehouse.schema, prefix, input.epoch),
    );
    await this.#told(input.abort, async () => {
      for (const name of await stage.list(prefix))
        if (isEarlier(name.slice(prefix.length), input.epoch)) await stage.remove(name);
    });
  }

  async #load(
    parts: readonly WarehousePart[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<readonly Ready[]> {
    const { input, turns, shapes } = this.#open();
    const groups = groupsOf(parts, at, this.#warehouse.tablesMax);
    await shapes.widen(new Set(parts.map(({ stream }) => stream)), input.epoch, abort);
    for (const { staged } of parts) await staged.load(abort);
    return turns.alone(abort, async (session) => {
      const counted: Ready[] = [];
      for (const group of groups) counted.push(...(await this.#commitGroup(session, group, abort)));
      return counted;
    });
  }

  async #commitGroup(
    session: WarehouseSession,
    { parts, at }: Group<WarehousePart>,
    abort: AbortSignal,
  ): Promise<readonly Ready[]> {
    const { shapes } = this.#open();
    const { dialect } = this.#warehouse;
    const counted: Ready[] = [];
    for (const part of parts)
      counted.push(await ready(dialect, session, shapes.table(part.stream), part));
    await this.#transact(session, counted, at, abort);
    return counted;
  }

  /** A newer writer sweeps what this one staged, so that it fails with anything: the newer one is why. Invariant 3. */
  async #whyFailed(error: unknown, abort: AbortSignal): Promise<SyncError> {
    const told = this.#warehouse.asError(error, abort);
    if (abort.aborted || told.code === 'fenced') return told;
    const { input } = this.#open();
    // Those that it has may be what failed.
    const isFenced = await this.#connect(abort, input)
      .then((turns) => turns.alone(abort, (one) => this.#ledger(one, input).hasNewer(input.epoch)))
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
    const { input, shapes } = this.#open();
    const { dialect } = this.#warehouse;
    const ledger = this.#ledger(session, input);
    const streams = parts.map(({ stream }) => stream);
    const complete = tablesToPublish(at, shapes.tables);
    const replacements = await transaction(this.#warehouse, session, abort, async () => {
      await ledger.prove(input.epoch, [...streams, ...at.map(({ scope }) => scope)]);
      await ledger.advance(input.epoch, at);
      for (const part of parts) await writePart(dialect, session, shapes.table(part.stream), part);
      const decided: Replacement[] = [];
      for (const table of complete) decided.push(await publish(session, ledger, table, input));
      return decided;
    });
    // Durable by now: what fails here is made up for by the next `open`.
    for (const replacement of replacements)
      await replace(this.#warehouse, session, ledger, replacement);
    for (const { target } of complete) shapes.published(target);
  }

  #ledger(
    session: WarehouseSession,
    { connection }: Pick<OpenInput, 'connection'>,
  ): WarehouseLedger {
    return new WarehouseLedger(this.#warehouse, session, connection);
  }
}

const partName = ({ connection }: OpenInput, id: PartId): string =>
  `${partPrefix}${connectionHash(connection)}_${id.replaceAll('-', '_')}`;

/** `rest`: of a part's name, from the sync's number on. */
function isEarlier(rest: string, epoch: Epoch): boolean {
  const [syncNo, at] = rest.split(/[-_]/).map(Number);
  return compareEpochs({ syncNo: syncNo ?? 0, at: at ?? 0 }, epoch) < 0;
}

/** Tables whose names begin so and go on with an epoch: those of earlier ones are dropped. */
async function sweepEarlier(
  ledger: WarehouseLedger,
  schema: string,
  prefix: string,
  epoch: Epoch,
): Promise<void> {
  for (const name of await ledger.tableNames(schema, prefix))
    if (isEarlier(name.slice(prefix.length), epoch)) await ledger.dropTable(schema, name);
}
