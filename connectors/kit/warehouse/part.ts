import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Block,
  type Part,
  type PartId,
  type SealedPart,
  type StreamId,
} from '../../../protocol/index.ts';
import { extractedAtColumn, metaColumn, rawIdColumn } from '../columns.ts';
import type { GatheredPart, Outlet } from '../gather.ts';
import { recordsSaid, type RawRecord } from '../rows/records.ts';
import { cellsOf, own } from '../rows/rows.ts';
import type { Slots } from '../slots.ts';
import type { Table } from '../tables.ts';
import { RowWriter } from './row-writer.ts';
import type { StagedTable } from './staged-table.ts';
import type { WarehouseDialect } from './warehouse.ts';

/** Bytes of lines before compression: a file is then some MiB, of which warehouses load many at once. */
const fileBytesMax = 64 * 1024 * 1024;

/** Of Airbyte's columns those that differ from row to row. */
export const stagedColumns = [rawIdColumn, extractedAtColumn, metaColumn] as const;

/** What all parts of a loader share. */
export interface Staging {
  readonly dialect: WarehouseDialect;
  /** For files that are being written. */
  readonly directory: string;
  /** Bounds the files that are on their way. Invariant 7. */
  readonly slots: Slots;
  /** The stream's table with a place for all that is in these records. */
  readonly shape: (stream: StreamId, records: readonly RawRecord[]) => Promise<Table>;
  readonly abort: AbortSignal;
}

/** Turns records into files of rows, and sends those while more come. */
export class RowsOutlet implements Outlet {
  readonly #staging: Staging;
  readonly #table: StagedTable;
  #writing: {
    readonly writer: RowWriter;
    readonly path: string;
    readonly columns: readonly string[];
  } | null = null;
  #lineBytes = 0;
  #rows = 0;
  #files = 0;
  #ordinal = 0;
  readonly #sending = new Set<Promise<void>>();
  #failed: unknown = null;

  constructor(staging: Staging, table: StagedTable) {
    this.#staging = staging;
    this.#table = table;
  }

  async put(bytes: Uint8Array, said: number): Promise<void> {
    if (this.#failed !== null) throw this.#failed;
    const { stream } = this.#table;
    const records = recordsSaid(bytes, stream, said);
    const table = await this.#staging.shape(stream, records);
    const columns = [
      ...Object.values(own),
      ...table.columns.map(({ name }) => name),
      ...stagedColumns,
    ];
    if (this.#writing?.columns.join() !== columns.join()) await this.#cut();
    this.#writing ??= this.#begin(columns);
    const { line, cells } = this.#staging.dialect;
    const cellsIn = cellsOf(table, cells);
    const text = records
      .map((record, i) => line(columns, cellsIn(record, this.#ordinal + i)))
      .join('');
    await this.#writing.writer.write(text);
    this.#ordinal += records.length;
    this.#rows += records.length;
    this.#lineBytes += text.length;
    if (this.#lineBytes >= fileBytesMax) await this.#cut();
  }

  /** Everything is sent. */
  async finish(): Promise<void> {
    await this.#cut();
    await Promise.all(this.#sending);
    if (this.#failed !== null) throw this.#failed;
  }

  /** What is on its way arrives first: it would make the table anew. */
  async discard(): Promise<void> {
    this.#writing?.writer.discard();
    this.#writing = null;
    await Promise.all(this.#sending);
  }

  #begin(columns: readonly string[]) {
    this.#files += 1;
    const path = join(this.#staging.directory, `${this.#table.name}-${this.#files}`);
    return { writer: new RowWriter(path), path, columns };
  }

  /** Ends the file that is being written, and sends it, while more is written: resolves once there is room for it on the way. */
  async #cut(): Promise<void> {
    const writing = this.#writing;
    if (writing === null) return;
    this.#writing = null;
    const rows = this.#rows;
    [this.#rows, this.#lineBytes] = [0, 0];
    const { writer, path, columns } = writing;
    const { bytes, hash } = await writer.finish();
    const name = `${this.#table.name}-${this.#files}-${hash}`;
    await new Promise<void>((resolve) => {
      const sent = this.#staging.slots(async () => {
        resolve();
        await this.#table.put({ name, path, bytes, rows, columns }, this.#staging.abort);
        await rm(path, { force: true });
      });
      const settled = sent.catch((error: unknown) => void (this.#failed ??= error));
      this.#sending.add(settled);
      void settled.then(() => this.#sending.delete(settled));
    });
  }
}

/** A sealed part with the table that holds it: its rows are those with an ordinal below `records`. */
export interface WarehousePart extends SealedPart {
  readonly staged: StagedTable;
}

export class StagedPart implements Part {
  readonly #gathered: GatheredPart;
  readonly #outlet: RowsOutlet;
  readonly #id: PartId;
  readonly #staged: StagedTable;
  readonly #abort: AbortSignal;
  readonly #free: (staged: StagedTable) => Promise<void>;

  constructor(options: {
    readonly gathered: GatheredPart;
    readonly outlet: RowsOutlet;
    readonly id: PartId;
    readonly staged: StagedTable;
    readonly abort: AbortSignal;
    readonly free: (staged: StagedTable) => Promise<void>;
  }) {
    this.#gathered = options.gathered;
    this.#outlet = options.outlet;
    this.#id = options.id;
    this.#staged = options.staged;
    this.#abort = options.abort;
    this.#free = options.free;
  }

  append(block: Block, abort: AbortSignal): Promise<void> {
    return this.#gathered.append(block, abort);
  }

  cover(): void {
    this.#gathered.cover();
  }

  async seal(): Promise<WarehousePart> {
    const { records, bytes } = this.#gathered.covered;
    await this.#gathered.seal(this.#abort);
    await this.#outlet.finish();
    return { stream: this.#staged.stream, id: this.#id, staged: this.#staged, records, bytes };
  }

  async discard(): Promise<void> {
    this.#gathered.discard();
    await this.#outlet.discard();
    await this.#free(this.#staged);
  }
}
