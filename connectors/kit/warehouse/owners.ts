import { SyncError, type Checkpoint, type OpenInput } from '../../../protocol/index.ts';
import { fenced, ownerTable } from '../ledger.ts';
import { knownTableOf, leftBehind, refuseForeign, unowned } from '../owners.ts';
import type { KnownTable, Target } from '../targets.ts';
import type { Warehouse, WarehouseSession } from './warehouse.ts';

/** Tables of one statement. */
const tablesMax = 50;
/** The connection of a row that no stream has: whoever takes tables changes it first. */
const rootConnection = '';

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

/** The columns of targets' tables that a connection does not have yet: what it may be about to take. */
export type Unknown = ReadonlyMap<Target, readonly { readonly name: string }[]>;

/** Whose table is which, in one table of a schema that all connections share: a table has one owner. Invariant 3. */
export class WarehouseOwners {
  readonly #warehouse: Warehouse;
  readonly #session: WarehouseSession;
  readonly #connectionId: string;
  readonly #text: string;
  readonly #integer: string;
  /** Quoted. */
  readonly table: string;

  constructor(warehouse: Warehouse, session: WarehouseSession, connectionId: string) {
    const { own, table } = warehouse.dialect;
    this.#warehouse = warehouse;
    this.#session = session;
    this.#connectionId = connectionId;
    this.#text = `CAST(? AS ${own.text})`;
    this.#integer = `CAST(? AS ${own.integer})`;
    this.table = table(warehouse.schema, ownerTable);
  }

  async known(): Promise<KnownTable[]> {
    const { rows } = await this.#session.query(
      `SELECT table_schema, table_name, stream, generation FROM ${this.table} WHERE connection_id = ?`,
      [this.#connectionId],
    );
    return rows.map(knownTableOf);
  }

  /** Before the transaction that takes them: some systems count DESCRIBE among what ends one. */
  async unknown(targets: readonly Target[]): Promise<Unknown> {
    const placeOf = ({ schema, table }: Pick<Target, 'schema' | 'table'>): string =>
      this.#warehouse.dialect.fold(`${schema}.${table}`);
    const streams = new Map((await this.known()).map((one) => [placeOf(one), one.stream]));
    const found = new Map<Target, readonly { readonly name: string }[]>();
    for (const target of targets) {
      if (streams.get(placeOf(target)) === target.stream) continue;
      const { schema, table } = target;
      found.set(target, await this.#warehouse.columnsOf(this.#session, schema, table));
    }
    if (found.size > 0) await this.#makeRoot();
    return found;
  }

  /**
   * Inside a transaction, before owners are read: who takes tables at the same moment waits until it ends, or is in conflict with it, so that it sees what was
   * taken. Invariant 3.
   */
  async lock(): Promise<void> {
    const { count } = await this.#session.query(
      `UPDATE ${this.table} SET generation = generation WHERE connection_id = ?`,
      [rootConnection],
    );
    if (count < 1) throw takenAway();
  }

  /** Inside a transaction, behind `lock` where there are unknown tables. Returns the places that streams have left. */
  async take(
    input: OpenInput,
    targets: readonly Target[],
    found: Unknown,
    held: readonly Checkpoint[],
  ): Promise<readonly Target[]> {
    const { rows } = await this.#session.query(
      `SELECT table_schema, table_name, connection_id, stream FROM ${this.table}`,
    );
    const { fold } = this.#warehouse.dialect;
    const owners = rows.filter((row) => row['connection_id'] !== rootConnection);
    const taken = unowned(input, { targets, owners, held, fold });
    for (const target of taken) {
      const columns = found.get(target);
      // It was ours when the transaction began, so that the owners are not locked.
      if (columns === undefined) throw takenAway();
      refuseForeign(target, columns);
    }
    for (let at = 0; at < taken.length; at += tablesMax)
      await this.#claim(taken.slice(at, at + tablesMax));
    return taken.flatMap((target) => leftBehind(target, input, owners));
  }

  /** Inside a transaction. Invariant 3: only the table's owner says so, and never of older rows. */
  async replacing({ schema, table, from, to, generation }: Replacement): Promise<void> {
    const { count } = await this.#session.query(
      `UPDATE ${this.table} SET replaced_from = ${this.#text}, replaced_to = ${this.#text}, replaced_generation = ${this.#integer}
       WHERE table_schema = ? AND table_name = ? AND connection_id = ? AND generation <= ${this.#integer}`,
      [from, to, String(generation), schema, table, this.#connectionId, String(generation)],
    );
    if (count !== 1) throw fenced();
  }

  /** What transactions have decided, and nobody has done yet. */
  async replacements(): Promise<Replacement[]> {
    const { rows } = await this.#session.query(
      `SELECT table_schema, table_name, replaced_from, replaced_to, replaced_generation FROM ${this.table}
       WHERE connection_id = ? AND replaced_from IS NOT NULL`,
      [this.#connectionId],
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
      `UPDATE ${this.table} SET ${seen}replaced_from = NULL, replaced_to = NULL, replaced_generation = NULL
       WHERE table_schema = ? AND table_name = ? AND connection_id = ? AND replaced_from = ?`,
      [...(to === table ? [String(generation)] : []), schema, table, this.#connectionId, from],
    );
  }

  /** Of several that open at once for the first time each may make one: all of them are changed by whoever locks. */
  async #makeRoot(): Promise<void> {
    await this.#session.query(
      `INSERT INTO ${this.table} (table_schema, table_name, connection_id, stream, generation)
       SELECT ${[1, 2, 3, 4].map(() => this.#text).join(', ')}, 0 FROM (SELECT 1 AS one) AS once
       WHERE NOT EXISTS (SELECT 1 FROM ${this.table} WHERE connection_id = ${this.#text})`,
      ['', '', rootConnection, '', rootConnection],
    );
  }

  /** In two statements, whatever their number. */
  async #claim(targets: readonly Target[]): Promise<void> {
    const theirs = '(connection_id = ? AND stream = ?) OR (table_schema = ? AND table_name = ?)';
    await this.#session.query(
      `DELETE FROM ${this.table} WHERE ${targets.map(() => theirs).join(' OR ')}`,
      targets.flatMap(({ schema, table, stream }) => [this.#connectionId, stream, schema, table]),
    );
    const one = `SELECT ${[1, 2, 3, 4].map(() => this.#text).join(', ')}, 0`;
    await this.#session.query(
      `INSERT INTO ${this.table} (table_schema, table_name, connection_id, stream, generation) ${targets.map(() => one).join(' UNION ALL ')}`,
      targets.flatMap(({ schema, table, stream }) => [schema, table, this.#connectionId, stream]),
    );
  }
}

function takenAway(): SyncError {
  return new SyncError(
    'transient_error',
    'Another connection changed the owners of tables at the same moment.',
    { origin: 'destination', place: ownerTable, remedy: 'The next attempt sees what it did.' },
  );
}
