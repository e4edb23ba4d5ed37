import type {
  Checkpoint,
  ConnectionRef,
  Epoch,
  OpenInput,
  StreamId,
} from '../../../protocol/index.ts';
import { sweepHidden } from '../../kit/hidden.ts';
import { exactFold, quoteIdentifier } from '../../kit/identifiers.ts';
import { cellsOf, fenceOf, ledgerColumns, rowOf } from '../../kit/ledger-cells.ts';
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
import type { Session } from '../session.ts';
import { tableSql } from './tables.ts';

const columns = ledgerColumns.join(', ');

/** Tidemark's own two tables in one schema. `sync_no, attempt_at`: the fence; `checkpoint_…`: the epoch that made the checkpoint. */
export class PostgresLedger {
  readonly #session: Session;
  readonly #checkpoints: string;
  readonly #owners: string;
  readonly schema: string;

  constructor(session: Session, schema: string) {
    this.#session = session;
    this.schema = schema;
    this.#checkpoints = tableSql(schema, checkpointTable);
    this.#owners = tableSql(schema, ownerTable);
  }

  /** Idempotent, outside transactions. */
  async prepare(): Promise<void> {
    await this.makeSchema(this.schema);
    await this.make(
      checkpointTable,
      `CREATE TABLE IF NOT EXISTS ${this.#checkpoints} (
        connection_id text NOT NULL, scope text NOT NULL, edition bigint NOT NULL DEFAULT 0,
        sync_no bigint NOT NULL, attempt_at bigint NOT NULL,
        checkpoint_sync_no bigint NOT NULL DEFAULT 0, checkpoint_attempt_at bigint NOT NULL DEFAULT 0,
        seq bigint NOT NULL DEFAULT 0, state text NOT NULL DEFAULT 'null',
        records bigint NOT NULL DEFAULT 0, bytes bigint NOT NULL DEFAULT 0,
        complete boolean NOT NULL DEFAULT false, by_stream json, committed_at text,
        PRIMARY KEY (connection_id, scope))`,
    );
    await this.make(
      ownerTable,
      `CREATE TABLE IF NOT EXISTS ${this.#owners} (
        table_schema text NOT NULL, table_name text NOT NULL, connection_id text NOT NULL, stream text NOT NULL,
        generation bigint NOT NULL DEFAULT 0, PRIMARY KEY (table_schema, table_name))`,
    );
    const owners = await this.tableColumns(this.schema, ownerTable);
    if (!owners.some(({ name }) => name === 'generation'))
      await this.#session.query(
        `ALTER TABLE ${this.#owners} ADD COLUMN IF NOT EXISTS generation bigint NOT NULL DEFAULT 0`,
      );
  }

  /** Asks first: CREATE SCHEMA IF NOT EXISTS wants the permission even where nothing is to be done. */
  async makeSchema(schema: string): Promise<void> {
    const { count } = await this.#session.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [
      schema,
    ]);
    if (count === 0) await this.#tolerant(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`);
  }

  /** Makes one of Tidemark's own tables, if it is not there. */
  async make(table: string, sql: string): Promise<void> {
    if ((await this.tableColumns(this.schema, table)).length === 0) await this.#tolerant(sql);
  }

  /** Two writers may create the same thing at once: IF NOT EXISTS does not keep Postgres from saying so. */
  async #tolerant(sql: string): Promise<void> {
    try {
      await this.#session.query(sql);
    } catch (error) {
      if (!['23505', '42P06', '42P07'].includes((error as { code?: string }).code ?? ''))
        throw error;
    }
  }

  async tableColumns(schema: string, table: string): Promise<{ name: string; type: string }[]> {
    const { rows } = await this.#session.query(
      `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      [schema, table],
    );
    return rows.map((row) => ({ name: String(row['name']), type: String(row['type']) }));
  }

  async knownTables(connection: ConnectionRef): Promise<KnownTable[]> {
    const { rows } = await this.#session.query(
      `SELECT table_schema, table_name, stream, generation FROM ${this.#owners} WHERE connection_id = $1`,
      [connection.id],
    );
    return rows.map(knownTableOf);
  }

  /** Tables of a schema whose names begin so. */
  async tableNames(schema: string, prefix: string): Promise<string[]> {
    const { rows } = await this.#session.query(
      `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relkind = 'r' AND starts_with(c.relname, $2)`,
      [schema, prefix],
    );
    return rows.map((row) => String(row['name']));
  }

  async dropTable(schema: string, table: string): Promise<void> {
    await this.#session.query(`DROP TABLE IF EXISTS ${tableSql(schema, table)}`);
  }

  /** Inside the commit's transaction: the target's table holds this generation now. Invariant 3: only its owner says so. */
  async published(connection: ConnectionRef, target: Target): Promise<void> {
    const { count } = await this.#session.query(
      `UPDATE ${this.#owners} SET generation = $4 WHERE table_schema = $1 AND table_name = $2 AND connection_id = $3 AND generation < $4`,
      [target.schema, target.table, connection.id, target.generation],
    );
    if (count !== 1) throw fenced();
  }

  /** The fence: in one transaction, so that of two writers that open at once one sees the other. Invariant 3. */
  async fence(input: OpenInput, targets: readonly Target[]): Promise<readonly Checkpoint[]> {
    const { connection, epoch } = input;
    await this.#session.query('BEGIN');
    try {
      await this.#lockRoot(connection, epoch);
      const { rows } = await this.#session.query(
        `SELECT scope, ${columns} FROM ${this.#checkpoints} WHERE connection_id = $1 AND scope <> $2 ORDER BY scope FOR UPDATE`,
        [connection.id, rootScope],
      );
      const plan = planOpen(rows.map(rowOf), input);
      await this.#own(input, targets, plan.held);
      await this.#upsert(connection, plan.changed);
      await this.#session.query(
        `UPDATE ${this.#checkpoints} SET sync_no = $2, attempt_at = $3 WHERE connection_id = $1`,
        [connection.id, epoch.syncNo, epoch.at],
      );
      await this.#session.query('COMMIT');
      return plan.held;
    } catch (error) {
      await this.rollback();
      throw error;
    }
  }

  /** Whether a later epoch owns the connection, or a scope of it. */
  async hasNewer(connection: ConnectionRef, epoch: Epoch): Promise<boolean> {
    const { count } = await this.#session.query(
      `SELECT 1 FROM ${this.#checkpoints} WHERE connection_id = $1 AND (sync_no, attempt_at) > ($2, $3) LIMIT 1`,
      [connection.id, epoch.syncNo, epoch.at],
    );
    return count > 0;
  }

  /** A lost connection has rolled back already; its own error is the one to tell. */
  async rollback(): Promise<void> {
    await this.#session.query('ROLLBACK').catch(() => undefined);
  }

  async #lockRoot(connection: ConnectionRef, epoch: Epoch): Promise<void> {
    await this.#session.query(
      `INSERT INTO ${this.#checkpoints} (connection_id, scope, sync_no, attempt_at) VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING`,
      [connection.id, rootScope, epoch.syncNo],
    );
    const { rows } = await this.#session.query(
      `SELECT sync_no, attempt_at FROM ${this.#checkpoints} WHERE connection_id = $1 AND scope = $2 FOR UPDATE`,
      [connection.id, rootScope],
    );
    passRoot(fenceOf(rows[0]!), epoch);
  }

  async #own(
    input: OpenInput,
    targets: readonly Target[],
    held: readonly Checkpoint[],
  ): Promise<void> {
    const { rows } = await this.#session.query(
      `SELECT table_schema, table_name, connection_id, stream FROM ${this.#owners}`,
    );
    for (const target of unowned(input, { targets, owners: rows, held, fold: exactFold })) {
      const { schema, table, stream } = target;
      refuseForeign(target, await this.tableColumns(schema, table));
      for (const left of leftBehind(target, input, rows)) await sweepHidden(this, left);
      await this.#session.query(
        `DELETE FROM ${this.#owners} WHERE connection_id = $1 AND stream = $2`,
        [input.connection.id, stream],
      );
      await this.#session.query(
        `INSERT INTO ${this.#owners} (table_schema, table_name, connection_id, stream) VALUES ($1, $2, $3, $4)
         ON CONFLICT (table_schema, table_name) DO UPDATE SET connection_id = EXCLUDED.connection_id, stream = EXCLUDED.stream, generation = 0`,
        [schema, table, input.connection.id, stream],
      );
    }
  }

  async #upsert(connection: ConnectionRef, rows: readonly LedgerRow[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#session.query(
      `INSERT INTO ${this.#checkpoints} (connection_id, scope, ${columns})
       SELECT $1, scope, ${columns} FROM ${recordset}
       ON CONFLICT (connection_id, scope) DO UPDATE SET (${columns}) = ROW (${excluded})`,
      [connection.id, JSON.stringify(rows.map(wireOf))],
    );
  }

  /** Inside the commit's transaction, before its rows: a fenced writer learns it before it works. Invariants 1 and 3. */
  async advance(
    connection: ConnectionRef,
    epoch: Epoch,
    { streams, at }: { readonly streams: readonly StreamId[]; readonly at: readonly Checkpoint[] },
  ): Promise<void> {
    const root = await this.#session.query(
      `SELECT 1 FROM ${this.#checkpoints} WHERE connection_id = $1 AND scope = $2 AND sync_no <= $3 FOR SHARE`,
      [connection.id, rootScope, epoch.syncNo],
    );
    if (root.count !== 1) throw fenced();
    const newer = await this.#session.query(
      `SELECT 1 FROM ${this.#checkpoints} WHERE connection_id = $1 AND scope = ANY ($2) AND (sync_no, attempt_at) > ($3, $4)`,
      [connection.id, streams, epoch.syncNo, epoch.at],
    );
    if (newer.count > 0) throw fenced();
    const last = lastByScope(at);
    if (last.length === 0) return;
    const { count } = await this.#session.query(
      `UPDATE ${this.#checkpoints} AS c SET (${columns}) = ROW (${qualified('u')})
       FROM ${recordset} WHERE c.connection_id = $1 AND c.scope = u.scope AND (c.sync_no, c.attempt_at) <= ($3, $4)`,
      [
        connection.id,
        JSON.stringify(last.map((checkpoint) => wireOf(ledgerRow(checkpoint, epoch)))),
        epoch.syncNo,
        epoch.at,
      ],
    );
    if (count !== last.length) throw fenced();
  }
}

const qualified = (alias: string): string =>
  ledgerColumns.map((name) => `${alias}.${name}`).join(', ');
const excluded = qualified('EXCLUDED');

const recordset = `json_to_recordset($2::json) AS u(scope text, edition bigint, sync_no bigint, attempt_at bigint, checkpoint_sync_no bigint,
  checkpoint_attempt_at bigint, seq bigint, state text, records bigint, bytes bigint, complete boolean, by_stream json, committed_at text)`;

/** `by_stream` is a column of JSON, so its text goes as JSON. */
function wireOf(row: LedgerRow): object {
  const { byStream } = row;
  return {
    ...cellsOf(row),
    by_stream: byStream === null ? null : (JSON.parse(byStream) as object),
  };
}
