import {
  compareEpochs,
  type Checkpoint,
  type ConnectionRef,
  type Epoch,
  type OpenInput,
  type Scope,
} from '../../protocol/index.ts';
import { sweepHidden } from '../kit/hidden.ts';
import { caseFold, quoteLiteral } from '../kit/identifiers.ts';
import { cellsOf, fenceOf, ledgerColumns, rowOf, type Cell } from '../kit/ledger-cells.ts';
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
} from '../kit/ledger.ts';
import { knownTableOf, leftBehind, refuseForeign, unowned } from '../kit/owners.ts';
import type { KnownTable, Target } from '../kit/targets.ts';
import type { Database } from './database.ts';

const columns = ledgerColumns.join(', ');

/** Tidemark's own two tables in one schema. `sync_no, attempt_at`: the fence; `checkpoint_…`: the epoch that made the checkpoint. */
export class DuckdbLedger {
  readonly #database: Database;
  readonly #checkpoints: string;
  readonly #owners: string;
  readonly schema: string;

  constructor(database: Database, schema: string) {
    this.#database = database;
    this.schema = schema;
    this.#checkpoints = database.table(schema, checkpointTable);
    this.#owners = database.table(schema, ownerTable);
  }

  /** Idempotent, outside transactions. */
  async prepare(): Promise<void> {
    await this.makeSchema(this.schema);
    await this.#database.run(`CREATE TABLE IF NOT EXISTS ${this.#checkpoints} (
      connection_id VARCHAR NOT NULL, scope VARCHAR NOT NULL, edition BIGINT NOT NULL DEFAULT 0,
      sync_no BIGINT NOT NULL, attempt_at BIGINT NOT NULL,
      checkpoint_sync_no BIGINT NOT NULL DEFAULT 0, checkpoint_attempt_at BIGINT NOT NULL DEFAULT 0,
      seq BIGINT NOT NULL DEFAULT 0, state VARCHAR NOT NULL DEFAULT 'null',
      records BIGINT NOT NULL DEFAULT 0, bytes BIGINT NOT NULL DEFAULT 0,
      complete BOOLEAN NOT NULL DEFAULT false, by_stream JSON, committed_at VARCHAR,
      PRIMARY KEY (connection_id, scope))`);
    await this.#database.run(`CREATE TABLE IF NOT EXISTS ${this.#owners} (
      table_schema VARCHAR NOT NULL, table_name VARCHAR NOT NULL, connection_id VARCHAR NOT NULL, stream VARCHAR NOT NULL,
      generation BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (table_schema, table_name))`);
    const owners = await this.tableColumns(this.schema, ownerTable);
    if (!owners.some(({ name }) => name === 'generation'))
      await this.#database.run(
        `ALTER TABLE ${this.#owners} ADD COLUMN IF NOT EXISTS generation BIGINT DEFAULT 0`,
      );
  }

  async makeSchema(schema: string): Promise<void> {
    await this.#database.run(`CREATE SCHEMA IF NOT EXISTS ${this.#database.schema(schema)}`);
  }

  async tableColumns(schema: string, table: string): Promise<{ name: string; type: string }[]> {
    const rows = await this.#database.rows(
      `SELECT column_name AS name, data_type AS type FROM duckdb_columns()
       WHERE database_name = current_database() AND lower(schema_name) = lower(${quoteLiteral(schema)})
         AND lower(table_name) = lower(${quoteLiteral(table)}) ORDER BY column_index`,
    );
    return rows.map((row) => ({ name: String(row['name']), type: String(row['type']) }));
  }

  async knownTables(connection: ConnectionRef): Promise<KnownTable[]> {
    const rows = await this.#database.rows(
      `SELECT table_schema, table_name, stream, generation FROM ${this.#owners} WHERE connection_id = ${quoteLiteral(connection.id)}`,
    );
    return rows.map(knownTableOf);
  }

  /** Tables of a schema whose names begin so. */
  async tableNames(schema: string, prefix: string): Promise<string[]> {
    const rows = await this.#database.rows(
      `SELECT table_name AS name FROM duckdb_tables()
       WHERE database_name = current_database() AND lower(schema_name) = lower(${quoteLiteral(schema)})
         AND starts_with(table_name, ${quoteLiteral(prefix)})`,
    );
    return rows.map((row) => String(row['name']));
  }

  async dropTable(schema: string, table: string): Promise<void> {
    await this.#database.run(`DROP TABLE IF EXISTS ${this.#database.table(schema, table)}`);
  }

  /** Inside the commit's transaction: the target's table holds this generation now. Invariant 3: only its owner says so. */
  async published(connection: ConnectionRef, target: Target): Promise<void> {
    const { schema, table, generation } = target;
    const changed = await this.#database.run(
      `UPDATE ${this.#owners} SET generation = ${generation}
       WHERE table_schema = ${quoteLiteral(schema)} AND table_name = ${quoteLiteral(table)}
         AND connection_id = ${quoteLiteral(connection.id)} AND generation < ${generation}`,
    );
    if (changed !== 1) throw fenced();
  }

  /** The fence, in one transaction. Invariant 3. */
  async fence(input: OpenInput, targets: readonly Target[]): Promise<readonly Checkpoint[]> {
    return this.transaction(async () => {
      const id = quoteLiteral(input.connection.id);
      const { syncNo, at } = input.epoch;
      const rows = await this.#database.rows(
        `SELECT scope, ${columns} FROM ${this.#checkpoints} WHERE connection_id = ${id} ORDER BY scope`,
      );
      const root = rows.find((row) => row['scope'] === rootScope);
      if (root !== undefined) passRoot(fenceOf(root), input.epoch);
      const plan = planOpen(rows.filter((row) => row !== root).map(rowOf), input);
      await this.#own(input, targets, plan.held);
      await this.#database.run(
        `UPDATE ${this.#checkpoints} SET sync_no = ${syncNo}, attempt_at = ${at} WHERE connection_id = ${id}`,
      );
      if (root === undefined)
        await this.#database.run(
          `INSERT INTO ${this.#checkpoints} (connection_id, scope, sync_no, attempt_at) VALUES (${id}, '', ${syncNo}, ${at})`,
        );
      if (plan.changed.length > 0)
        await this.#database.run(
          `INSERT OR REPLACE INTO ${this.#checkpoints} (connection_id, scope, ${columns})
           SELECT ${id}, u.* FROM ${valuesOf(plan.changed)}`,
        );
      return plan.held;
    });
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.#database.run('BEGIN TRANSACTION');
    let result: T;
    try {
      result = await work();
      await this.#database.run('COMMIT');
    } catch (error) {
      // A commit that failed has rolled back already; its own error is the one to tell.
      await this.#database.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
    return result;
  }

  async #own(
    input: OpenInput,
    targets: readonly Target[],
    held: readonly Checkpoint[],
  ): Promise<void> {
    const rows = await this.#database.rows(
      `SELECT table_schema, table_name, connection_id, stream FROM ${this.#owners}`,
    );
    for (const target of unowned(input, { targets, owners: rows, held, fold: caseFold })) {
      const { schema, table, stream } = target;
      refuseForeign(target, await this.tableColumns(schema, table));
      for (const left of leftBehind(target, input, rows)) await sweepHidden(this, left);
      await this.#database.run(
        `DELETE FROM ${this.#owners} WHERE connection_id = ${quoteLiteral(input.connection.id)} AND stream = ${quoteLiteral(stream)}`,
      );
      await this.#database.run(
        `INSERT OR REPLACE INTO ${this.#owners} (table_schema, table_name, connection_id, stream, generation)
         VALUES (${[schema, table, input.connection.id, stream].map(quoteLiteral).join(', ')}, 0)`,
      );
    }
  }

  /**
   * Refuses a fenced writer before it changes anything: the root must not be of a later sync, nor any of the scopes of a later epoch. The
   * file is open to nobody else until the commit is done. Invariant 3.
   */
  async prove(connection: ConnectionRef, epoch: Epoch, scopes: readonly Scope[]): Promise<void> {
    const rows = await this.#database.rows(
      `SELECT scope, sync_no, attempt_at FROM ${this.#checkpoints} WHERE connection_id = ${quoteLiteral(connection.id)}`,
    );
    const fences = new Map(rows.map((row) => [row['scope'], fenceOf(row)]));
    const root = fences.get(rootScope);
    if (root === undefined || root.syncNo > epoch.syncNo) throw fenced();
    for (const scope of scopes) {
      const fence = fences.get(scope);
      if (fence === undefined || compareEpochs(fence, epoch) > 0) throw fenced();
    }
  }

  /** Inside the commit's transaction. Invariants 1 and 3. */
  async advance(
    connection: ConnectionRef,
    epoch: Epoch,
    checkpoints: readonly Checkpoint[],
  ): Promise<void> {
    const last = lastByScope(checkpoints);
    if (last.length === 0) return;
    const changed = await this.#database.run(
      `UPDATE ${this.#checkpoints} AS c SET ${ledgerColumns.map((name) => `${name} = u.${name}`).join(', ')}
       FROM ${valuesOf(last.map((checkpoint) => ledgerRow(checkpoint, epoch)))}
       WHERE c.connection_id = ${quoteLiteral(connection.id)} AND c.scope = u.scope
         AND (c.sync_no < ${epoch.syncNo} OR (c.sync_no = ${epoch.syncNo} AND c.attempt_at <= ${epoch.at}))`,
    );
    if (changed !== last.length) throw fenced();
  }
}

function valuesOf(rows: readonly LedgerRow[]): string {
  const tuples = rows.map((row) => {
    const cells = cellsOf(row);
    return `(${(['scope', ...ledgerColumns] as const).map((name) => literal(cells[name])).join(', ')})`;
  });
  return `(VALUES ${tuples.join(', ')}) AS u(scope, ${columns})`;
}

const literal = (cell: Cell): string =>
  typeof cell === 'string' ? quoteLiteral(cell) : String(cell);
