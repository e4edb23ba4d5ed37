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
import { knownTableOf, leftBehind, refuseForeign, unowned } from '../owners.ts';
import type { KnownTable, Target } from '../targets.ts';
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

/** What a transaction has decided: the rows of one table are to be those of another. */
export interface Replacement {
  readonly schema: string;
  /** The target that it is about. */
  readonly table: string;
  /** Gone once it is done. */
  readonly from: string;
  readonly to: string;
  /** Of the rows. */
  readonly generation: number;
}

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
  readonly #owners: string;
  readonly schema: string;

  constructor(warehouse: Warehouse, session: WarehouseSession, connection: ConnectionRef) {
    const { dialect, schema } = warehouse;
    this.#warehouse = warehouse;
    this.#session = session;
    this.#connection = connection;
    this.schema = schema;
    this.#checkpointName = `${checkpointTable}_${connectionHash(connection)}`;
    this.#checkpoints = dialect.table(schema, this.#checkpointName);
    this.#owners = dialect.table(schema, ownerTable);
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

  async knownTables(): Promise<KnownTable[]> {
    const { rows } = await this.#session.query(
      `SELECT table_schema, table_name, stream, generation FROM ${this.#owners} WHERE connection_id = ?`,
      [this.#connection.id],
    );
    return rows.map(knownTableOf);
  }

  /** Inside a transaction. Invariant 3: only the table's owner says so, and never of older rows. */
  async replacing({ schema, table, from, to, generation }: Replacement): Promise<void> {
    const { text } = this.#warehouse.dialect.own;
    const { count } = await this.#session.query(
      `UPDATE ${this.#owners} SET replaced_from = CAST(? AS ${text}), replaced_to = CAST(? AS ${text}), replaced_generation = ${this.#integer}
       WHERE table_schema = ? AND table_name = ? AND connection_id = ? AND generation <= ${this.#integer}`,
      [from, to, String(generation), schema, table, this.#connection.id, String(generation)],
    );
    if (count !== 1) throw fenced();
  }

  /** What transactions have decided, and nobody has done yet. */
  async replacements(): Promise<Replacement[]> {
    const { rows } = await this.#session.query(
      `SELECT table_schema, table_name, replaced_from, replaced_to, replaced_generation FROM ${this.#owners}
       WHERE connection_id = ? AND replaced_from IS NOT NULL`,
      [this.#connection.id],
    );
    return rows.map((row) => ({
      schema: String(row['table_schema']),
      table: String(row['table_name']),
      from: String(row['replaced_from']),
      to: String(row['replaced_to']),
      generation: Number(row['replaced_generation']),
    }));
  }

  /** It is done: only what has taken the target's own name is seen. */
  async hasReplaced({ schema, table, from, to, generation }: Replacement): Promise<void> {
    const seen = to === table ? `generation = ${this.#integer}, ` : '';
    await this.#session.query(
      `UPDATE ${this.#owners} SET ${seen}replaced_from = NULL, replaced_to = NULL, replaced_generation = NULL
       WHERE table_schema = ? AND table_name = ? AND connection_id = ? AND replaced_from = ?`,
      [...(to === table ? [String(generation)] : []), schema, table, this.#connection.id, from],
    );
  }

  /** The fence: in one transaction, so that of two writers that open at once one sees the other. Invariant 3. */
  async fence(input: OpenInput, targets: readonly Target[]): Promise<readonly Checkpoint[]> {
    const found = await this.#unknownTables(targets);
    const { held, left } = await transaction(
      this.#warehouse,
      this.#session,
      input.abort,
      async () => {
        await this.#lock();
        const rows = await this.#rows();
        for (const root of rows.filter(isRoot)) passRoot(fenceOf(root), input.epoch);
        const plan = planOpen(rows.filter((row) => !isRoot(row)).map(ledgerRowOf), input);
        const away = await this.#own(input, { targets, found, held: plan.held });
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

  /** An UPDATE that changes nothing: another transaction on this table waits until this one ends, or is in conflict with it. */
  async #lock(): Promise<void> {
    const lock = this.#warehouse.lock(this.#checkpoints);
    if (lock !== null) await this.#session.query(lock);
    const { count } = await this.#session.query(
      `UPDATE ${this.#checkpoints} SET sync_no = sync_no WHERE scope = ?`,
      [rootScope],
    );
    if (count < 1) throw fenced();
  }

  async #rows(names: readonly string[] = ['scope', ...ledgerColumns]): Promise<readonly Row[]> {
    const { rows } = await this.#session.query(
      `SELECT ${names.join(', ')} FROM ${this.#checkpoints} WHERE connection_id = ?`,
      [this.#connection.id],
    );
    return rows;
  }

  /** The columns of targets' tables that this connection does not have yet. Asked before a transaction: some systems count DESCRIBE among what ends it. */
  async #unknownTables(
    targets: readonly Target[],
  ): Promise<ReadonlyMap<Target, readonly { readonly name: string }[]>> {
    const placeOf = ({ schema, table }: Pick<Target, 'schema' | 'table'>): string =>
      this.#warehouse.dialect.fold(`${schema}.${table}`);
    const known = new Set((await this.knownTables()).map(placeOf));
    const found = new Map<Target, readonly { readonly name: string }[]>();
    for (const target of targets)
      if (!known.has(placeOf(target)))
        found.set(target, await this.tableColumns(target.schema, target.table));
    return found;
  }

  /** Returns the places that streams have left. */
  async #own(
    input: OpenInput,
    {
      targets,
      found,
      held,
    }: {
      readonly targets: readonly Target[];
      readonly found: ReadonlyMap<Target, readonly { readonly name: string }[]>;
      readonly held: readonly Checkpoint[];
    },
  ): Promise<readonly Target[]> {
    const { rows } = await this.#session.query(
      `SELECT table_schema, table_name, connection_id, stream FROM ${this.#owners}`,
    );
    const { fold } = this.#warehouse.dialect;
    const taken = unowned(input, { targets, owners: rows, held, fold });
    for (const target of taken) refuseForeign(target, found.get(target) ?? []);
    for (let at = 0; at < taken.length; at += rowsMax)
      await this.#claim(taken.slice(at, at + rowsMax));
    return taken.flatMap((target) => leftBehind(target, input, rows));
  }

  /** In two statements, whatever their number: until the transaction ends, no other connection can take tables or replace one. */
  async #claim(targets: readonly Target[]): Promise<void> {
    const { id } = this.#connection;
    const { text } = this.#warehouse.dialect.own;
    const theirs = '(connection_id = ? AND stream = ?) OR (table_schema = ? AND table_name = ?)';
    await this.#session.query(
      `DELETE FROM ${this.#owners} WHERE ${targets.map(() => theirs).join(' OR ')}`,
      targets.flatMap(({ schema, table, stream }) => [id, stream, schema, table]),
    );
    const one = `SELECT ${[1, 2, 3, 4].map(() => `CAST(? AS ${text})`).join(', ')}, 0`;
    await this.#session.query(
      `INSERT INTO ${this.#owners} (table_schema, table_name, connection_id, stream, generation) ${targets.map(() => one).join(' UNION ALL ')}`,
      targets.flatMap(({ schema, table, stream }) => [schema, table, id, stream]),
    );
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
