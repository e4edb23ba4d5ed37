import type { NumberTypes } from '../rows/observe.ts';
import type { CellTypes } from '../rows/rows.ts';
import type { ColumnKind } from '../columns.ts';
import type { Row } from '../ledger-cells.ts';
import type { Fold, Narrow, Spell } from '../identifiers.ts';
import type { Epoch, OpenInput, SyncError } from '../../../protocol/index.ts';

// What a cloud warehouse is to the one loader of them all (loader.ts): a dialect, sessions, and a place for files.

/** The writer that a session is of. */
export type Author = Pick<OpenInput, 'connection' | 'epoch'>;

/** Goes apart from the statement, as text: a statement casts what is to be no text. */
export type Binding = string | null;

export interface Answer {
  /** By name in lower case. Integers and decimals are numbers or texts, whatever the driver gives. */
  readonly rows: readonly Row[];
  /** Of a DML statement: the rows that it inserted, updated or deleted. */
  readonly count: number;
}

/** One session, used by one caller at a time. Its errors are the driver's: see `asError`. */
export interface WarehouseSession {
  /** Aborted once it is destroyed or closed. */
  readonly ended: AbortSignal;
  /** One statement; its values stand as `?`. A transaction is of `BEGIN TRANSACTION`, `COMMIT` and `ROLLBACK`. */
  query(sql: string, values?: readonly Binding[]): Promise<Answer>;
  /** Ends what is pending at once, if need be without the server's answer. Every later call fails. */
  destroy(): void;
  /** Frees what the server holds for it. */
  close(): Promise<void>;
}

/** Rows as lines of text in a compressed file on this machine, written whole. */
export interface RowFile {
  /** Unique by connection, epoch, part, place in the part and content; of letters, digits, `_`, `-` and `.` only. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly rows: number;
  /** Of its lines, in this order: names of columns of the table that it goes into, not quoted. */
  readonly columns: readonly string[];
}

/** Where files wait until they are loaded, and the loading. Its tables hold texts only, and are nobody's to see. */
export interface Stage {
  /**
   * Brings a file to the warehouse, while more is read; several at once. `table` is there, with the file's columns. The file is the caller's again
   * afterwards. Repeatable: the same name is the same content.
   */
  put(file: RowFile, table: string, abort: AbortSignal): Promise<void>;
  /** When all files of a table are put, once for those with the same columns: the table has their rows afterwards. Outside transactions. */
  load(table: string, files: readonly RowFile[], abort: AbortSignal): Promise<void>;
  /** Files are of no use any more: those whose names begin so. They may be gone already, and there may be none. */
  remove(prefix: string): Promise<void>;
  /** Files that are there, of those whose names begin so. */
  list(prefix: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** How a warehouse spells things. */
export interface WarehouseDialect {
  readonly fold: Fold;
  /** See Naming. */
  readonly narrow?: Narrow;
  /** See Naming. */
  readonly spell?: Spell;
  /** Names that no column may have. Absent: none but ours. */
  readonly reserved?: readonly string[];
  readonly quote: (name: string) => string;
  /** A table's name in full, quoted. */
  readonly table: (schema: string, table: string) => string;
  /** How one line of a RowFile is written. `cells`: by column; null: no value. */
  readonly line: (columns: readonly string[], cells: readonly (string | null)[]) => string;
  /** Types of our own tables. */
  readonly own: {
    readonly text: string;
    readonly integer: string;
    readonly boolean: string;
    /** Bytes that `text` holds. Absent: more than we write. */
    readonly textBytesMax?: number;
  };
  readonly typeOf: (kind: ColumnKind) => string;
  /** Of Airbyte's columns. */
  readonly airbyte: { readonly id: string; readonly instant: string; readonly json: string };
  /** The way of a value into a column: as text that `cast` takes without loss. */
  readonly cells: CellTypes & NumberTypes;
  /** SQL: the text of a staged column as this type. */
  readonly cast: (column: string, type: string) => string;
  /** SQL: a column of the table as the wider type that `cells.widerType` named. */
  readonly widened: (column: string, type: string, wider: string) => string;
  /** SQL: true where that would be another number, or none, without failing; null: it never is. */
  readonly losesWidened: (column: string, type: string, wider: string) => string | null;
  /** SQL: what tells this column's values apart, of a type that the system does not compare by itself. */
  readonly comparable: (column: string, type: string) => string;
  /** Statements that give a table more columns, each definition quoted. */
  readonly addColumns: (table: string, definitions: readonly string[]) => readonly string[];
  /** The statement that makes the table of a part, where it may cost less than one that is kept. Never a table whose rows become another's. Absent: as any. */
  readonly createStaged?: (table: string, definitions: readonly string[]) => string;
}

/** A warehouse with its config. */
export interface Warehouse {
  readonly dialect: WarehouseDialect;
  /** Where it is, for people. */
  readonly place: string;
  /** How many tables a transaction may change. Absent: any number. */
  readonly tablesMax?: number;
  /** The schema that tables go to where the catalog names none. */
  readonly schema: string;
  /** `author`: its connection's name goes with each statement, for who asks what a connection costs. Absent: it is a check's. */
  connect(abort: AbortSignal, author?: Author): Promise<WarehouseSession>;
  /** `author`: as above. */
  openStage(abort: AbortSignal, author?: Author): Promise<Stage>;
  /** Idempotent. Asks first, where making one wants a right that its use does not. */
  makeSchema(session: WarehouseSession, schema: string): Promise<void>;
  /**
   * Ends what sessions of the connection's earlier epochs have open, and lets the next writer do so to this one's: one that hangs holds its locks for as
   * long as it does. Called once the schema is there, before anything that could wait for such a lock. Absent: the server itself does soon enough.
   * `connection`: as in the names of tables.
   */
  takeOver?(session: WarehouseSession, connection: string, epoch: Epoch): Promise<void>;
  /** In their order; none: there is no such table. Types as `typeOf` spells them. */
  columnsOf(
    session: WarehouseSession,
    schema: string,
    table: string,
  ): Promise<{ readonly name: string; readonly type: string }[]>;
  /** Tables of a schema whose names begin so. */
  tableNames(session: WarehouseSession, schema: string, prefix: string): Promise<string[]>;
  /** Inside a transaction, before its other statements: nobody else changes the table until it ends. Null: what the first UPDATE does is enough. */
  lock(table: string): string | null;
  /** What follows the columns in CREATE TABLE of a target, such as a clustering; not of our own tables. `key`: the columns of dedup, quoted; may be none. `types`: theirs. */
  tableOptions(key: readonly string[], types: readonly string[]): string;
  /**
   * The same as a table has it, for a table whose rows are to take its place, where `replace` wants both alike. `definitions`: of the new one's columns,
   * quoted. Null: there is no such table. Absent: `replace` takes any.
   */
  optionsOf?(
    session: WarehouseSession,
    schema: string,
    table: string,
    definitions: readonly string[],
  ): Promise<string | null>;
  /**
   * The rows and columns of `from` become those of `table`, at once for every reader, and `from` may be gone afterwards. Outside transactions. Done again
   * after a crash anywhere in it, with `from` gone or not, it leaves `table` with those rows.
   */
  replace(session: WarehouseSession, schema: string, from: string, table: string): Promise<void>;
  /** A conflict with another transaction: the same statements may succeed now. */
  isConflict(error: unknown): boolean;
  asError(error: unknown, abort: AbortSignal): SyncError;
}
