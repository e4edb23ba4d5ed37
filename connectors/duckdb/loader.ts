import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checkCount,
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
} from '../../protocol/index.ts';
import { isMalformed, repairFile } from '../kit/duckdb/repair.ts';
import { Gatherer } from '../kit/gather.ts';
import { sweepHidden } from '../kit/hidden.ts';
import { caseFold, shortHash } from '../kit/identifiers.ts';
import { receipt } from '../kit/receipt.ts';
import { tablesToPublish, type Table } from '../kit/tables.ts';
import { outsideCatalog, planTargets, unreadableRecord } from '../kit/targets.ts';
import { moveBatch, prepareBatch, type Batch } from './commit.ts';
import { defaultSchema, type DuckdbConfig } from './config.ts';
import { DatabaseFile, type Database, type Turns } from './database.ts';
import { DuckdbLedger } from './ledger.ts';
import { DuckdbOffers } from './offers.ts';
import { DuckdbPart, FileOutlet, type DuckdbSealedPart } from './part.ts';
import { publish } from './publish.ts';
import { ensureTable } from './tables.ts';

interface Opened {
  readonly input: OpenInput;
  readonly tables: Map<StreamId, Table>;
}

/** Parts are files beside the database; the database is open only during `open` and each commit. */
export class DuckdbLoader implements Loader {
  readonly #file: DatabaseFile;
  readonly #schema: string;
  readonly #gatherer = new Gatherer();
  readonly #repairing = new Set<StreamId>();
  readonly #partFiles = new Set<string>();
  readonly #closing = new AbortController();
  #opened: Opened | null = null;

  constructor(config: DuckdbConfig, turns: Turns) {
    this.#file = new DatabaseFile(config, turns);
    this.#schema = config.schema ?? defaultSchema;
  }

  async open(input: OpenInput): Promise<readonly Checkpoint[]> {
    const { connection, epoch, catalog } = input;
    const tables = new Map<StreamId, Table>();
    const held = await this.#file.use(this.#endedBy(input.abort), async (database) => {
      const ledger = new DuckdbLedger(database, this.#schema);
      await ledger.prepare();
      const targets = planTargets(catalog, await ledger.knownTables(connection), {
        schema: this.#schema,
        fold: caseFold,
      });
      const checkpoints = await ledger.fence(input, targets);
      for (const target of targets) {
        await sweepHidden(ledger, target);
        tables.set(target.stream, await ensureTable(database, ledger, target));
      }
      if (input.offer !== undefined)
        await new DuckdbOffers(database, ledger).keep(connection, epoch.syncNo, input.offer);
      return checkpoints;
    });
    await mkdir(this.#file.stagingDirectory, { recursive: true, mode: 0o700 });
    await sweep(this.#file.stagingDirectory, connection.id, epoch);
    this.#opened = { input, tables };
    return held;
  }

  async offered({ connection, epoch, abort }: OfferedInput): Promise<string | null> {
    return this.#file.use(this.#endedBy(abort), (database) =>
      new DuckdbOffers(database, new DuckdbLedger(database, this.#schema)).before(
        connection,
        epoch.syncNo,
      ),
    );
  }

  async part(stream: StreamId, id: PartId): Promise<Part> {
    const { input, tables } = this.#open();
    if (!tables.has(stream)) throw outsideCatalog(stream);
    const file = join(
      this.#file.stagingDirectory,
      `${filePrefix(input.connection.id)}${id}.ndjson`,
    );
    await rm(file, { force: true });
    this.#partFiles.add(file);
    return new DuckdbPart({
      gathered: this.#gatherer.part(new FileOutlet(file)),
      stream,
      id,
      file,
      abort: this.#endedBy(input.abort),
      repairing: this.#repairing,
    });
  }

  async commit(
    parts: readonly SealedPart[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<Receipt> {
    const sealed = parts as readonly DuckdbSealedPart[];
    const batches = await this.#file.use(this.#endedBy(abort), (database) =>
      this.#commit(database, sealed, at),
    );
    // Committed: a file that stays is swept by the next open.
    await Promise.allSettled(sealed.map(({ file }) => this.#forget(file)));
    return receipt(sealed, batches);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([...this.#partFiles].map((file) => this.#forget(file)));
  }

  #open(): Opened {
    if (this.#opened !== null) return this.#opened;
    throw new SyncError('system_error', 'The loader is not open.', { origin: 'tidemark' });
  }

  #endedBy(abort: AbortSignal): AbortSignal {
    return AbortSignal.any([abort, this.#closing.signal]);
  }

  async #forget(file: string): Promise<void> {
    await rm(file, { force: true });
    this.#partFiles.delete(file);
  }

  async #commit(
    database: Database,
    sealed: readonly DuckdbSealedPart[],
    at: readonly Checkpoint[],
  ): Promise<Batch[]> {
    const { input, tables } = this.#open();
    const ledger = new DuckdbLedger(database, this.#schema);
    const scopes = [...at.map(({ scope }) => scope), ...sealed.map(({ stream }) => stream)];
    await ledger.prove(input.connection, input.epoch, scopes);
    const byStream = new Map<StreamId, DuckdbSealedPart[]>();
    for (const part of sealed)
      if (part.records > 0) byStream.set(part.stream, [...(byStream.get(part.stream) ?? []), part]);
    const batches: Batch[] = [];
    for (const [stream, parts] of byStream) {
      const batch = await this.#prepare(database, ledger, tables.get(stream)!, parts);
      tables.set(stream, batch.table);
      const given = parts.reduce((sum, { records }) => sum + records, 0);
      checkCount({ stream, given, loaded: batch.rows, committed: false });
      batches.push(batch);
    }
    // Rows and checkpoints become durable together. Invariants 1 and 3.
    const published = await ledger.transaction(async () => {
      await ledger.advance(input.connection, input.epoch, at);
      for (const batch of batches) await moveBatch(database, batch);
      return this.#publish(database, ledger, at);
    });
    for (const table of published) tables.set(table.target.stream, table);
    return batches;
  }

  /** Inside the transaction: hidden tables of streams that are complete take the place of the visible ones. */
  async #publish(
    database: Database,
    ledger: DuckdbLedger,
    at: readonly Checkpoint[],
  ): Promise<Table[]> {
    const { input, tables } = this.#open();
    const published: Table[] = [];
    for (const table of tablesToPublish(at, tables))
      published.push(await publish(database, ledger, table, input));
    return published;
  }

  /** Lines that DuckDB can't read are repaired, once. */
  async #prepare(
    database: Database,
    ledger: DuckdbLedger,
    table: Table,
    parts: readonly DuckdbSealedPart[],
  ): Promise<Batch> {
    try {
      return await prepareBatch(database, ledger, table, parts);
    } catch (error) {
      if (!isMalformed(error)) throw error;
    }
    this.#repairing.add(table.target.stream);
    for (const part of parts) await repairFile(part.file, part.stream);
    try {
      return await prepareBatch(database, ledger, table, parts);
    } catch (error) {
      // The cause would hold the record.
      throw isMalformed(error) ? unreadableRecord(table.target.stream) : error;
    }
  }
}

const filePrefix = (connectionId: string): string => `${shortHash(connectionId, 16)}-`;

/** Removes what the connection's earlier writers staged; later ones, and other connections, are left alone. */
async function sweep(directory: string, connectionId: string, epoch: Epoch): Promise<void> {
  const prefix = filePrefix(connectionId);
  for (const name of await readdir(directory)) {
    if (!name.startsWith(prefix)) continue;
    const [syncNo, at] = name.slice(prefix.length).split('-').map(Number);
    if (compareEpochs({ syncNo: syncNo ?? 0, at: at ?? 0 }, epoch) < 0)
      await rm(join(directory, name), { force: true });
  }
}
