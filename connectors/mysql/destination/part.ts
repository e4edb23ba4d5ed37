import {
  SyncError,
  type Block,
  type Part,
  type PartId,
  type SealedPart,
  type StreamId,
} from '../../../protocol/index.ts';
import { extractedAtColumn, metaColumn, rawIdColumn } from '../../kit/columns.ts';
import type { GatheredPart, Outlet } from '../../kit/gather.ts';
import { quoteIdentifier } from '../../kit/identifiers.ts';
import { recordsSaid, type RawRecord } from '../../kit/rows/records.ts';
import { own } from '../../kit/rows/rows.ts';
import type { Table } from '../../kit/tables.ts';
import { rowLines } from './rows.ts';
import type { Session } from './session.ts';
import { airbyteTypes } from './types.ts';

/** Of Airbyte's columns those that differ from row to row. */
export const stagedColumns = [rawIdColumn, extractedAtColumn, metaColumn] as const;

/** A staged part: a temporary table, which only its session sees and which is gone with it. */
export class StagedTable {
  readonly name: string;
  readonly stream: StreamId;
  readonly #session: Session;
  /** Its columns for fields, with their types; null: it is not made yet. */
  #columns: Map<string, string> | null = null;

  constructor(session: Session, stream: StreamId, name: string) {
    this.#session = session;
    this.stream = stream;
    this.name = name;
  }

  get isMade(): boolean {
    return this.#columns !== null;
  }

  hasColumn(name: string): boolean {
    return this.#columns?.has(name) ?? false;
  }

  /** Gives it the columns that the table has by now. */
  async follow({ columns }: Table): Promise<void> {
    const known = this.#columns;
    const definitions = columns
      .filter(({ name, type }) => known?.get(name) !== type)
      .map(({ name, type }) => {
        const verb = known === null ? '' : known.has(name) ? 'MODIFY COLUMN ' : 'ADD COLUMN ';
        return `${verb}${quoteIdentifier(name)} ${type}`;
      });
    if (known === null) await this.#make(definitions);
    else if (definitions.length > 0)
      await this.#session.query(`ALTER TABLE ${this.name} ${definitions.join(', ')}`);
    this.#columns = new Map(columns.map(({ name, type }) => [name, type]));
  }

  async #make(definitions: readonly string[]): Promise<void> {
    const all = [
      `${own.ordinal} bigint PRIMARY KEY, ${own.nulled} int NOT NULL, ${own.gone} tinyint NOT NULL`,
      ...definitions,
      ...stagedColumns.map((name) => `${name} ${airbyteTypes[name]}`),
    ];
    await this.#session.query(
      `CREATE TEMPORARY TABLE ${this.name} (${all.join(', ')}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT COLLATE ${this.#session.server.collation}`,
    );
  }

  /** After `follow`. Invariant 6: what was loaded is what was given, value by value. */
  async load(records: readonly RawRecord[], table: Table, firstOrdinal: number): Promise<void> {
    const names = [
      ...Object.values(own),
      ...table.columns.map(({ name }) => quoteIdentifier(name)),
      ...stagedColumns,
    ];
    const { rows, warnings } = await this.#session.load(
      `LOAD DATA LOCAL INFILE 'tidemark' INTO TABLE ${this.name} CHARACTER SET utf8mb4
       FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' (${names.join(', ')})`,
      rowLines(records, table, firstOrdinal),
    );
    if (rows !== records.length || warnings > 0) throw await this.#misloaded(records.length, rows);
  }

  /** LOCAL turns what does not fit into warnings, whatever the mode: values that were cut, rows that were left out. */
  async #misloaded(given: number, loaded: number): Promise<SyncError> {
    const { rows } = await this.#session.query('SHOW WARNINGS LIMIT 5');
    return new SyncError('system_error', 'MySQL took other rows than it was sent.', {
      origin: 'tidemark',
      code: 'counts_disagree',
      stream: this.stream,
      facts: { given, loaded, warnings: rows.map((row) => String(row['Code'])).join(', ') },
    });
  }

  async trim(records: number): Promise<void> {
    await this.#session.query(`DELETE FROM ${this.name} WHERE ${own.ordinal} >= ${records}`);
  }
}

/** A sealed part with the temporary table that holds it. */
export interface MysqlSealedPart extends SealedPart {
  readonly staged: StagedTable;
}

/** LOAD DATA into a staged table. `shape` gives the stream's table, once it has a place for all that is in the records. */
export class LoadOutlet implements Outlet {
  readonly #session: Session;
  readonly #staged: StagedTable;
  readonly #shape: (stream: StreamId, records: readonly RawRecord[]) => Promise<Table>;
  #ordinal = 0;

  constructor(
    session: Session,
    staged: StagedTable,
    shape: (stream: StreamId, records: readonly RawRecord[]) => Promise<Table>,
  ) {
    this.#session = session;
    this.#staged = staged;
    this.#shape = shape;
  }

  async put(bytes: Uint8Array, said: number, abort: AbortSignal): Promise<void> {
    const { stream } = this.#staged;
    const records = recordsSaid(bytes, stream, said);
    await this.#session.alone(abort, async () => {
      const table = await this.#shape(stream, records);
      await this.#staged.follow(table);
      await this.#staged.load(records, table, this.#ordinal);
    });
    this.#ordinal += records.length;
  }
}

export class MysqlPart implements Part {
  readonly #gathered: GatheredPart;
  readonly #session: Session;
  readonly #id: PartId;
  readonly #staged: StagedTable;
  readonly #abort: AbortSignal;
  readonly #free: (staged: StagedTable) => Promise<void>;

  constructor(options: {
    gathered: GatheredPart;
    session: Session;
    id: PartId;
    staged: StagedTable;
    abort: AbortSignal;
    free: (staged: StagedTable) => Promise<void>;
  }) {
    this.#gathered = options.gathered;
    this.#session = options.session;
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

  async seal(): Promise<MysqlSealedPart> {
    const { records, bytes } = this.#gathered.covered;
    if (await this.#gathered.seal(this.#abort))
      await this.#session.alone(this.#abort, () => this.#staged.trim(records));
    return { stream: this.#staged.stream, id: this.#id, staged: this.#staged, records, bytes };
  }

  async discard(): Promise<void> {
    this.#gathered.discard();
    await this.#free(this.#staged);
  }
}
