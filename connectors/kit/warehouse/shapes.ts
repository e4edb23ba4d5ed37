import type { Epoch, StreamId } from '../../../protocol/index.ts';
import { numbersIn, unknownFields } from '../rows/observe.ts';
import type { RawRecord } from '../rows/records.ts';
import { targetWithColumns, type Table } from '../tables.ts';
import type { Target } from '../targets.ts';
import type { WarehouseLedger } from './ledger.ts';
import { ensureTable } from './tables.ts';
import type { Turns } from './turns.ts';
import type { Warehouse, WarehouseSession } from './warehouse.ts';
import { afterWidening, plannedTable, seeing, widen, type Shape } from './widen.ts';

/**
 * The streams' tables, which follow what is read while commits are made. What changes a table goes through one session, one after the other, so that a
 * column that comes while its table is written anew is in the new one.
 */
export class Shapes {
  readonly #warehouse: Warehouse;
  readonly #side: Turns;
  readonly #ledger: (session: WarehouseSession) => WarehouseLedger;
  readonly #shapes = new Map<StreamId, Shape>();

  constructor(
    warehouse: Warehouse,
    side: Turns,
    ledger: (session: WarehouseSession) => WarehouseLedger,
    tables: readonly Table[],
  ) {
    this.#warehouse = warehouse;
    this.#side = side;
    this.#ledger = ledger;
    for (const table of tables)
      this.#shapes.set(table.target.stream, { table, planned: new Map(), seen: new Map() });
  }

  has(stream: StreamId): boolean {
    return this.#shapes.has(stream);
  }

  /** As it is. */
  table(stream: StreamId): Table {
    return this.#shapes.get(stream)!.table;
  }

  get tables(): ReadonlyMap<StreamId, Table> {
    return new Map([...this.#shapes].map(([stream, { table }]) => [stream, table]));
  }

  /** The stream's table with a place for all that is in these records, as it is to be by the commit that brings them. Outside transactions, as all DDL. */
  async fit(stream: StreamId, records: readonly RawRecord[], abort: AbortSignal): Promise<Table> {
    if (
      unknownFields(records, this.table(stream)).length > 0 ||
      this.#see(stream, records).length > 0
    )
      await this.#side.alone(abort, (session) => this.#reshape(session, stream, records));
    return plannedTable(this.#shapes.get(stream)!);
  }

  /** Before the transaction that brings rows of these streams. */
  async widen(streams: ReadonlySet<StreamId>, epoch: Epoch, abort: AbortSignal): Promise<void> {
    for (const stream of streams) {
      if (this.#shapes.get(stream)!.planned.size === 0) continue;
      await this.#side.alone(abort, async (session) => {
        const shape = this.#shapes.get(stream)!;
        const options = { ledger: this.#ledger(session), epoch, abort };
        await widen(this.#warehouse, session, options, shape);
        this.#shapes.set(stream, afterWidening(this.#shapes.get(stream)!, shape.planned));
      });
    }
  }

  /** The hidden table has taken the place of the visible one. */
  published(target: Target): void {
    const shape = this.#shapes.get(target.stream)!;
    const { dialect } = this.#warehouse;
    const sql = dialect.table(target.schema, target.table);
    const table = { ...shape.table, target: { ...shape.table.target, hidden: null }, sql };
    this.#shapes.set(target.stream, { ...shape, table });
  }

  #see(stream: StreamId, records: readonly RawRecord[]) {
    const { dialect } = this.#warehouse;
    const known = this.#shapes.get(stream)!;
    const numbers = numbersIn(records, plannedTable(known), dialect.cells);
    const { shape, wishes } = seeing(dialect, known, numbers);
    this.#shapes.set(stream, shape);
    return wishes;
  }

  async #reshape(
    session: WarehouseSession,
    stream: StreamId,
    records: readonly RawRecord[],
  ): Promise<void> {
    const known = this.table(stream);
    const unknown = unknownFields(records, known);
    if (unknown.length > 0) {
      const target = targetWithColumns(known);
      const table = await ensureTable(
        this.#warehouse,
        session,
        this.#ledger(session),
        ...([target, unknown] as const),
      );
      this.#shapes.set(stream, { ...this.#shapes.get(stream)!, table });
    }
    for (const { name, wider, losing } of this.#see(stream, records)) {
      const isLosing = losing !== null && (await session.query(losing)).rows.length > 0;
      if (isLosing) continue;
      const shape = this.#shapes.get(stream)!;
      this.#shapes.set(stream, { ...shape, planned: new Map([...shape.planned, [name, wider]]) });
    }
  }
}
