import type {
  Checkpoint,
  ConnectionRef,
  Epoch,
  OpenInput,
  StreamId,
} from '../../../protocol/index.ts';
import { sweepHidden } from '../../kit/hidden.ts';
import { quoteIdentifier } from '../../kit/identifiers.ts';
import { cellsOf, fenceOf, ledgerColumns, rowOf, type Row } from '../../kit/ledger-cells.ts';
import {
  checkpointTable,
  fenced,
  lastByScope,
  ledgerRow,
  ownerTable,
  passRoot,
  planOpen,
  rootScope,
  type LedgerRow,
} from '../../kit/ledger.ts';
import { knownTableOf, leftBehind, refuseForeign, unowned } from '../../kit/owners.ts';
import type { KnownTable, Target } from '../../kit/targets.ts';
import type { Session } from './session.ts';
import { tableSql } from './tables.ts';
import { typeText } from './types.ts';

const columns = ledgerColumns.join(', ');
/** Rows of one INSERT: far below the limits of a prepared statement. */
const rowsMax = 200;

/** A stream's hidden table that a commit has decided to publish: the generation of what is to be seen from now on. */
export interface Publication {
  readonly schema: string;
  readonly table: string;
  readonly generation: number;
}

/** Tidemark's own tables in one database. `sync_no, attempt_at`: the fence; `checkpoint_…`: the epoch that made the checkpoint. */
export class MysqlLedger {
  readonly #session: Session;
  readonly #checkpoints: string;
  readonly #owners: string;
  readonly schema: string;

  constructor(session: Session) {
    this.#session = session;
    this.schema = session.database;
    this.#checkpoints = tableSql(this.schema, checkpointTable);
    this.#owners = tableSql(this.schema, ownerTable);
  }

  /** Idempotent, outside transactions. */
  async prepare(): Promise<void> {
    await this.make(
      checkpointTable,
      `connection_id varchar(64) NOT NULL, scope varchar(700) NOT NULL, edition bigint NOT NULL DEFAULT 0,
       sync_no bigint NOT NULL, attempt_at bigint NOT NULL,
       checkpoint_sync_no bigint NOT NULL DEFAULT 0, checkpoint_attempt_at bigint NOT NULL DEFAULT 0,
       seq bigint NOT NULL DEFAULT 0, state longtext NOT NULL,
       records bigint NOT NULL DEFAULT 0, bytes bigint NOT NULL DEFAULT 0,
       complete boolean NOT NULL DEFAULT false, by_stream longtext, committed_at varchar(64),
       PRIMARY KEY (connection_id, scope)`,
    );
    await this.make(
      ownerTable,
      `table_schema varchar(64) NOT NULL, table_name varchar(64) NOT NULL, connection_id varchar(64) NOT NULL, stream text NOT NULL,
       generation bigint NOT NULL DEFAULT 0, publishing bigint, PRIMARY KEY (table_schema, table_name)`,
    );
  }

  /** Asks first: CREATE DATABASE IF NOT EXISTS wants the permission even where nothing is to be done. */
  async makeSchema(schema: string): Promise<void> {
    const { rows } = await this.#session.query(
      'SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name = ?',
      [schema],
    );
    if (rows.some((row) => this.#isNamed(row, schema))) return;
    await this.#session.query(
      `CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(schema)} CHARACTER SET utf8mb4`,
    );
  }

  /** Makes one of Tidemark's own tables, if it is not there. */
  async make(table: string, definitions: string): Promise<void> {
    if ((await this.tableColumns(this.schema, table)).length > 0) return;
    await this.#session.query(
      `CREATE TABLE IF NOT EXISTS ${tableSql(this.schema, table)} (${definitions}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC COLLATE ${this.#session.server.collation}`,
    );
  }

  /** The server's own comparison may ignore case where the names do not. */
  #isNamed(row: Row, name: string): boolean {
    const { foldTable } = this.#session.server;
    return foldTable(String(row['name'])) === foldTable(name);
  }

  /** A server that makes primary keys by itself makes them of an invisible column. */
  async tableColumns(schema: string, table: string): Promise<{ name: string; type: string }[]> {
    const { rows } = await this.#session.query(
      `SELECT table_name AS name, column_name AS field, column_type AS type, collation_name AS collation, column_comment AS comment
       FROM information_schema.columns WHERE table_schema = ? AND table_name = ? AND extra NOT LIKE '%INVISIBLE%' ORDER BY ordinal_position`,
      [schema, table],
    );
    return rows
      .filter((row) => this.#isNamed(row, table))
      .map((row) => ({ name: String(row['field']), type: typeText(row) }));
  }

  async knownTables(connection: ConnectionRef): Promise<KnownTable[]> {
    const { rows } = await this.#session.query(
      `SELECT table_schema AS table_schema, table_name AS table_name, stream, generation FROM ${this.#owners} WHERE connection_id = ?`,
      [connection.id],
    );
    return rows.map(knownTableOf);
  }

  /** Tables of a schema whose names begin so. */
  async tableNames(schema: string, prefix: string): Promise<string[]> {
    const { rows } = await this.#session.query(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ? AND LEFT(table_name, ${prefix.length}) = ?`,
      [schema, prefix],
    );
    return rows.map((row) => String(row['name'])).filter((name) => name.startsWith(prefix));
  }

  async dropTable(schema: string, table: string): Promise<void> {
    await this.#session.query(`DROP TABLE IF EXISTS ${tableSql(schema, table)}`);
  }

  /** Inside the commit's transaction: the target's table holds this generation now. Invariant 3: only its owner says so. */
  async published(connection: ConnectionRef, target: Target): Promise<void> {
    const { count } = await this.#session.query(
      `UPDATE ${this.#owners} SET generation = ?, publishing = NULL WHERE table_schema = ? AND table_name = ? AND connection_id = ? AND generation < ?`,
      [target.generation, target.schema, target.table, connection.id, target.generation],
    );
    if (count !== 1) throw fenced();
  }

  /** Inside the commit's transaction, instead: it is going to. */
  async publishing(connection: ConnectionRef, target: Target): Promise<void> {
    const { count } = await this.#session.query(
      `UPDATE ${this.#owners} SET publishing = ? WHERE table_schema = ? AND table_name = ? AND connection_id = ? AND generation < ?`,
      [target.generation, target.schema, target.table, connection.id, target.generation],
    );
    if (count !== 1) throw fenced();
  }

  /** What commits have decided to publish, and nobody has yet. */
  async publications(connection: ConnectionRef): Promise<Publication[]> {
    const { rows } = await this.#session.query(
      `SELECT table_schema AS table_schema, table_name AS table_name, publishing FROM ${this.#owners} WHERE connection_id = ? AND publishing IS NOT NULL`,
      [connection.id],
    );
    return rows.map((row) => ({
      schema: String(row['table_schema']),
      table: String(row['table_name']),
      generation: Number(row['publishing']),
    }));
  }

  /** After the table has been exchanged. */
  async hasPublished({ schema, table, generation }: Publication): Promise<void> {
    await this.#session.query(
      `UPDATE ${this.#owners} SET generation = ?, publishing = NULL WHERE table_schema = ? AND table_name = ? AND publishing = ?`,
      [generation, schema, table, generation],
    );
  }

  /** The fence: in one transaction, so that of two writers that open at once one sees the other. Invariant 3. */
  async fence(input: OpenInput, targets: readonly Target[]): Promise<readonly Checkpoint[]> {
    const { connection, epoch } = input;
    let left: readonly Target[];
    let held: readonly Checkpoint[];
    await this.#session.query('START TRANSACTION');
    try {
      await this.#lockRoot(connection, epoch);
      const { rows } = await this.#session.query(
        `SELECT scope, ${columns} FROM ${this.#checkpoints} WHERE connection_id = ? AND scope <> '' ORDER BY scope FOR UPDATE`,
        [connection.id],
      );
      const plan = planOpen(rows.map(checkpointRowOf), input);
      held = plan.held;
      left = await this.#own(input, targets, held);
      await this.#upsert(connection, plan.changed);
      await this.#session.query(
        `UPDATE ${this.#checkpoints} SET sync_no = ?, attempt_at = ? WHERE connection_id = ?`,
        [epoch.syncNo, epoch.at, connection.id],
      );
      await this.#session.query('COMMIT');
    } catch (error) {
      await this.rollback();
      throw error;
    }
    // DROP TABLE would have ended the transaction.
    for (const target of left) await sweepHidden(this, target);
    return held;
  }

  /** Whether a later epoch owns the connection, or a scope of it. */
  async hasNewer(connection: ConnectionRef, { syncNo, at }: Epoch): Promise<boolean> {
    const { count } = await this.#session.query(
      `SELECT 1 FROM ${this.#checkpoints} WHERE connection_id = ? AND ${isLater} LIMIT 1`,
      [connection.id, syncNo, syncNo, at],
    );
    return count > 0;
  }

  /** A lost connection has rolled back already; its own error is the one to tell. */
  async rollback(): Promise<void> {
    await this.#session.query('ROLLBACK').catch(() => undefined);
  }

  async #lockRoot(connection: ConnectionRef, epoch: Epoch): Promise<void> {
    await this.#session.query(
      `INSERT INTO ${this.#checkpoints} (connection_id, scope, sync_no, attempt_at, state) VALUES (?, ?, ?, 0, 'null')
       ON DUPLICATE KEY UPDATE scope = scope`,
      [connection.id, rootScope, epoch.syncNo],
    );
    const { rows } = await this.#session.query(
      `SELECT sync_no, attempt_at FROM ${this.#checkpoints} WHERE connection_id = ? AND scope = '' FOR UPDATE`,
      [connection.id],
    );
    passRoot(fenceOf(rows[0]!), epoch);
  }

  /** Returns the places that streams have left. */
  async #own(
    input: OpenInput,
    targets: readonly Target[],
    held: readonly Checkpoint[],
  ): Promise<readonly Target[]> {
    const { rows } = await this.#session.query(
      `SELECT table_schema AS table_schema, table_name AS table_name, connection_id, stream FROM ${this.#owners}`,
    );
    const left: Target[] = [];
    const fold = this.#session.server.foldTable;
    for (const target of unowned(input, { targets, owners: rows, held, fold })) {
      const { schema, table, stream } = target;
      refuseForeign(target, await this.tableColumns(schema, table));
      left.push(...leftBehind(target, input, rows));
      await this.#session.query(
        `DELETE FROM ${this.#owners} WHERE connection_id = ? AND stream = ?`,
        [input.connection.id, stream],
      );
      await this.#session.query(
        `INSERT INTO ${this.#owners} (table_schema, table_name, connection_id, stream) VALUES (?, ?, ?, ?)
         ON DUPLICATE KEY UPDATE connection_id = ?, stream = ?, generation = 0, publishing = NULL`,
        [schema, table, input.connection.id, stream, input.connection.id, stream],
      );
    }
    return left;
  }

  async #upsert(connection: ConnectionRef, rows: readonly LedgerRow[]): Promise<void> {
    const names = ['connection_id', 'scope', ...ledgerColumns];
    const one = `(${names.map(() => '?').join(', ')})`;
    for (let at = 0; at < rows.length; at += rowsMax) {
      const some = rows.slice(at, at + rowsMax);
      await this.#session.query(
        `INSERT INTO ${this.#checkpoints} (${names.join(', ')}) VALUES ${some.map(() => one).join(', ')}
         ON DUPLICATE KEY UPDATE ${ledgerColumns.map((name) => `${name} = VALUES(${name})`).join(', ')}`,
        some.flatMap((row) => [connection.id, row.scope, ...valuesOf(row)]),
      );
    }
  }

  /** Inside the commit's transaction, before its rows: a fenced writer learns it before it works. Invariants 1 and 3. */
  async advance(
    connection: ConnectionRef,
    epoch: Epoch,
    { streams, at }: { readonly streams: readonly StreamId[]; readonly at: readonly Checkpoint[] },
  ): Promise<void> {
    const { syncNo, at: attempt } = epoch;
    // MariaDB knows no FOR SHARE.
    const root = await this.#session.query(
      `SELECT 1 FROM ${this.#checkpoints} WHERE connection_id = ? AND scope = '' AND sync_no <= ? LOCK IN SHARE MODE`,
      [connection.id, syncNo],
    );
    if (root.count !== 1) throw fenced();
    for (const stream of streams) {
      const newer = await this.#session.query(
        `SELECT 1 FROM ${this.#checkpoints} WHERE connection_id = ? AND scope = ? AND ${isLater}`,
        [connection.id, stream, syncNo, syncNo, attempt],
      );
      if (newer.count > 0) throw fenced();
    }
    const update = `UPDATE ${this.#checkpoints} SET ${ledgerColumns.map((name) => `${name} = ?`).join(', ')}
      WHERE connection_id = ? AND scope = ? AND NOT ${isLater}`;
    for (const checkpoint of lastByScope(at)) {
      const values = valuesOf(ledgerRow(checkpoint, epoch));
      const { count } = await this.#session.query(update, [
        ...[...values, connection.id, checkpoint.scope],
        ...[syncNo, syncNo, attempt],
      ]);
      if (count !== 1) throw fenced();
    }
  }
}

const isLater = '(sync_no > ? OR (sync_no = ? AND attempt_at > ?))';

const checkpointRowOf = (row: Row): LedgerRow =>
  rowOf({ ...row, complete: Number(row['complete']) === 1 });

function valuesOf(row: LedgerRow): (string | number | null)[] {
  const cells = cellsOf(row);
  return ledgerColumns.map((name) => {
    const cell = cells[name];
    return typeof cell === 'boolean' ? Number(cell) : cell;
  });
}
