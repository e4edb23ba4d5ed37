import {
  compareEpochs,
  type Checkpoint,
  type ConnectionRef,
  type Epoch,
  type OpenInput,
  type Scope,
} from '../../../protocol/index.ts';
import { sweepHidden } from '../hidden.ts';
import { shortHash } from '../identifiers.ts';
import { cellsOf, fenceOf, ledgerColumns, rowOf, type Cell, type Row } from '../ledger-cells.ts';
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
} from '../ledger.ts';
import type { Target } from '../targets.ts';
import { WarehouseOwners } from './owners.ts';
import { packed, unpacked } from './packed.ts';
import { transaction } from './transaction.ts';
import type { Binding, Warehouse, WarehouseSession } from './warehouse.ts';

const connectionHashLength = 16;
/** Rows of one statement: far below the warehouses' limits on values. */
const rowsMax = 50;
/** Bytes of their texts: BigQuery takes 10 MB in all (cloud.google.com/bigquery/quotas#query_jobs). One row may have more. */
const textsBytesMax = 4 * 1024 * 1024;

/** A connection in the names of tables and files. */
export const connectionHash = ({ id }: ConnectionRef): string =>
  shortHash(id, connectionHashLength);

/**
 * Tidemark's own tables in one schema. The checkpoints of each connection have a table of their own, since transactions on the same table keep each other
 * waiting. `sync_no, attempt_at`: the fence; `checkpoint_…`: the epoch that made the checkpoint.
 */
export class WarehouseLedger {
  readonly #warehouse: Warehouse;
  readonly #session: WarehouseSession;
  readonly #connection: ConnectionRef;
  readonly #checkpointName: string;
  readonly #checkpoints: string;
  readonly owners: WarehouseOwners;
  readonly schema: string;

  constructor(warehouse: Warehouse, session: WarehouseSession, connection: ConnectionRef) {
    const { dialect, schema } = warehouse;
    this.#warehouse = warehouse;
    this.#session = session;
    this.#connection = connection;
    this.schema = schema;
    this.#checkpointName = `${checkpointTable}_${connectionHash(connection)}`;
    this.#checkpoints = dialect.table(schema, this.#checkpointName);
    this.owners = new WarehouseOwners(warehouse, session, connection.id);
  }

  /** Once the schema is there. Idempotent, outside transactions. */
  async prepare(): Promise<void> {
    const { text, integer, boolean } = this.#warehouse.dialect.own;
    await this.make(
      this.#checkpointName,
      `connection_id ${text}, scope ${text}, edition ${integer}, sync_no ${integer}, attempt_at ${integer},
       checkpoint_sync_no ${integer}, checkpoint_attempt_at ${integer}, seq ${integer}, state ${text}, records ${integer}, bytes ${integer},
       complete ${boolean}, by_stream ${text}, committed_at ${text}`,
    );
    await this.make(
      ownerTable,
      `table_schema ${text}, table_name ${text}, connection_id ${text}, stream ${text}, generation ${integer},
       replaced_from ${text}, replaced_to ${text}, replaced_generation ${integer}`,
    );
    await this.#makeRoot();
  }

  /** Makes one of Tidemark's own tables, if it is not there. */
  async make(table: string, definitions: string): Promise<void> {
    if (await this.has(table)) return;
    await this.#session.query(
      `CREATE TABLE IF NOT EXISTS ${this.#warehouse.dialect.table(this.schema, table)} (${definitions})`,
    );
  }

  async has(table: string): Promise<boolean> {
    return (await this.tableColumns(this.schema, table)).length > 0;
  }

  tableColumns(schema: string, table: string): Promise<{ name: string; type: string }[]> {
    return this.#warehouse.columnsOf(this.#session, schema, table);
  }

  tableNames(schema: string, prefix: string): Promise<string[]> {
    return this.#warehouse.tableNames(this.#session, schema, prefix);
  }

  async dropTable(schema: string, table: string): Promise<void> {
    await this.#session.query(
      `DROP TABLE IF EXISTS ${this.#warehouse.dialect.table(schema, table)}`,
    );
  }

  /** The fence: in one transaction, so that of two writers that open at once one sees the other. Invariant 3. */
  async fence(input: OpenInput, targets: readonly Target[]): Promise<readonly Checkpoint[]> {
    const found = await this.owners.unknown(targets);
    const { held, left } = await transaction(
      this.#warehouse,
      this.#session,
      input.abort,
      async () => {
        await this.#lock(found.size > 0);
        const rows = await this.#rows();
        for (const root of rows.filter(isRoot)) passRoot(fenceOf(root), input.epoch);
        const plan = planOpen(rows.filter((row) => !isRoot(row)).map(ledgerRowOf), input);
        const away = await this.owners.take(input, targets, found, plan.held);
        await this.#replaceRows(plan.changed);
        await this.#session.query(
          `UPDATE ${this.#checkpoints} SET sync_no = ${this.#integer}, attempt_at = ${this.#integer} WHERE connection_id = ?`,
          [String(input.epoch.syncNo), String(input.epoch.at), this.#connection.id],
        );
        return { held: plan.held, left: away };
      },
    );
    // DROP TABLE would have ended the transaction, or is not allowed in it.
    for (const target of left) await sweepHidden(this, target);
    return held;
  }

  /** Inside a transaction, before its rows: a fenced writer learns it before it works. Invariant 3. */
  async prove(epoch: Epoch, scopes: readonly Scope[]): Promise<void> {
    await this.#lock();
    const rows = await this.#rows(['scope', 'sync_no', 'attempt_at']);
    if (rows.some((row) => isRoot(row) && fenceOf(row).syncNo > epoch.syncNo)) throw fenced();
    const fences = new Map(rows.map((row) => [row['scope'], fenceOf(row)]));
    for (const scope of scopes) {
      const fence = fences.get(scope);
      if (fence === undefined || compareEpochs(fence, epoch) > 0) throw fenced();
    }
  }

  /** After `prove` of the same scopes, in its transaction. Invariant 1. */
  async advance(epoch: Epoch, at: readonly Checkpoint[]): Promise<void> {
    await this.#replaceRows(lastByScope(at).map((checkpoint) => ledgerRow(checkpoint, epoch)));
  }

  /** Whether a later epoch owns the connection, or a scope of it. */
  async hasNewer(epoch: Epoch): Promise<boolean> {
    const rows = await this.#rows(['sync_no', 'attempt_at']);
    return rows.some((row) => compareEpochs(fenceOf(row), epoch) > 0);
  }

  /** Of two that open at once for the first time each may make one: the higher counts. */
  async #makeRoot(): Promise<void> {
    const values = { ...cellsOf(rootRow), connection_id: this.#connection.id };
    const names = ['connection_id', 'scope', ...ledgerColumns] as const;
    const { text } = this.#warehouse.dialect.own;
    await this.#session.query(
      `INSERT INTO ${this.#checkpoints} (${names.join(', ')})
       SELECT ${names.map((name) => this.#value(name)).join(', ')} FROM (SELECT 1 AS one) AS once
       WHERE NOT EXISTS (SELECT 1 FROM ${this.#checkpoints} WHERE scope = CAST(? AS ${text}))`,
      [...names.map((name) => binding(values[name])), rootScope],
    );
  }

  /**
   * An UPDATE that changes nothing: another transaction on this table waits until this one ends, or is in conflict with it. Locks come before the first of
   * them: on Redshift a transaction reads what was there by its first UPDATE or SELECT.
   */
  async #lock(withOwners = false): Promise<void> {
    const tables = [this.#checkpoints, ...(withOwners ? [this.owners.table] : [])];
    for (const lock of tables.map((table) => this.#warehouse.lock(table)))
      if (lock !== null) await this.#session.query(lock);
    const { count } = await this.#session.query(
      `UPDATE ${this.#checkpoints} SET sync_no = sync_no WHERE scope = ?`,
      [rootScope],
    );
    if (count < 1) throw fenced();
    if (withOwners) await this.owners.lock();
  }

  async #rows(names: readonly string[] = ['scope', ...ledgerColumns]): Promise<readonly Row[]> {
    const { rows } = await this.#session.query(
      `SELECT ${names.join(', ')} FROM ${this.#checkpoints} WHERE connection_id = ?`,
      [this.#connection.id],
    );
    return rows;
  }

  async #replaceRows(rows: readonly LedgerRow[]): Promise<void> {
    const names = ['connection_id', 'scope', ...ledgerColumns] as const;
    const one = `SELECT ${names.map((name) => this.#value(name)).join(', ')}`;
    const { textBytesMax } = this.#warehouse.dialect.own;
    for (const some of divided(rows)) {
      await this.#session.query(
        `DELETE FROM ${this.#checkpoints} WHERE scope IN (${some.map(() => '?').join(', ')})`,
        some.map(({ scope }) => scope),
      );
      await this.#session.query(
        `INSERT INTO ${this.#checkpoints} (${names.join(', ')}) ${some.map(() => one).join(' UNION ALL ')}`,
        some.flatMap((row) => {
          const values = { ...cellsOf(row), connection_id: this.#connection.id };
          return names.map((name) => {
            const value = binding(values[name]);
            return value === null || !longColumns.has(name) ? value : packed(value, textBytesMax);
          });
        }),
      );
    }
  }

  #value(name: string): string {
    const { text, integer, boolean } = this.#warehouse.dialect.own;
    if (name === 'complete') return `CAST(? AS ${boolean})`;
    return `CAST(? AS ${textColumns.has(name) ? text : integer})`;
  }

  get #integer(): string {
    return `CAST(? AS ${this.#warehouse.dialect.own.integer})`;
  }
}

/** As many rows at a time as a statement takes. */
function divided(rows: readonly LedgerRow[]): readonly (readonly LedgerRow[])[] {
  const groups: LedgerRow[][] = [];
  let room = 0;
  for (const row of rows) {
    const bytes = Buffer.byteLength(row.state) + Buffer.byteLength(row.byStream ?? '');
    const last = groups.at(-1);
    if (last === undefined || last.length === rowsMax || bytes > room) {
      groups.push([row]);
      room = textsBytesMax - bytes;
    } else {
      last.push(row);
      room -= bytes;
    }
  }
  return groups;
}

/** A state may be long. */
const longColumns = new Set<string>(['state', 'by_stream']);
const unpackedOr = (value: unknown): unknown =>
  typeof value === 'string' ? unpacked(value) : value;
const textColumns = new Set(['connection_id', 'scope', 'state', 'by_stream', 'committed_at']);

const rootRow: LedgerRow = {
  scope: rootScope as LedgerRow['scope'],
  fence: { syncNo: 0, at: 0 },
  edition: 0,
  epoch: { syncNo: 0, at: 0 },
  ...{ seq: 0, state: 'null', records: 0, bytes: 0 },
  ...{ complete: false, byStream: null, committedAt: null },
};

const isRoot = (row: Row): boolean => row['scope'] === rootScope;
const binding = (cell: Cell): Binding => (cell === null ? null : String(cell));
const ledgerRowOf = (row: Row): LedgerRow =>
  rowOf({
    ...row,
    state: unpackedOr(row['state']),
    by_stream: unpackedOr(row['by_stream']),
    complete: String(row['complete']).toLowerCase() === 'true',
  });
