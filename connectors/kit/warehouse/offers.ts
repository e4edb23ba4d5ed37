import { offerTable } from '../ledger.ts';
import type { ConnectionRef } from '../../../protocol/index.ts';
import type { WarehouseLedger } from './ledger.ts';
import { packed, unpacked } from './packed.ts';
import { transaction } from './transaction.ts';
import type { Warehouse, WarehouseSession } from './warehouse.ts';

/** What the source of each connection offered: one row a connection, with what it offered to the sync before. */
export class WarehouseOffers {
  readonly #warehouse: Warehouse;
  readonly #session: WarehouseSession;
  readonly #ledger: WarehouseLedger;
  readonly #table: string;

  constructor(warehouse: Warehouse, session: WarehouseSession, ledger: WarehouseLedger) {
    this.#warehouse = warehouse;
    this.#session = session;
    this.#ledger = ledger;
    this.#table = warehouse.dialect.table(warehouse.schema, offerTable);
  }

  async before(connection: ConnectionRef, syncNo: number): Promise<string | null> {
    if (!(await this.#ledger.has(offerTable))) return null;
    const row = await this.#row(connection);
    if (row === null) return null;
    return row.syncNo === syncNo ? row.before : row.offer;
  }

  /** Idempotent. A later sync's stays: invariant 3. */
  async keep(
    connection: ConnectionRef,
    syncNo: number,
    offer: string,
    abort: AbortSignal,
  ): Promise<void> {
    const { text, integer, textBytesMax } = this.#warehouse.dialect.own;
    await this.#ledger.make(
      offerTable,
      `connection_id ${text}, sync_no ${integer}, offer ${text}, before_offer ${text}`,
    );
    const known = await this.#row(connection);
    if (known !== null && (known.syncNo > syncNo || known.offer === offer)) return;
    const before = known === null || known.syncNo < syncNo ? (known?.offer ?? null) : known.before;
    await transaction(this.#warehouse, this.#session, abort, async () => {
      await this.#session.query(
        `DELETE FROM ${this.#table} WHERE connection_id = ? AND sync_no <= CAST(? AS ${integer})`,
        [connection.id, String(syncNo)],
      );
      await this.#session.query(
        `INSERT INTO ${this.#table} (connection_id, sync_no, offer, before_offer)
         SELECT CAST(? AS ${text}), CAST(? AS ${integer}), CAST(? AS ${text}), CAST(? AS ${text}) FROM (SELECT 1 AS one) AS once
         WHERE NOT EXISTS (SELECT 1 FROM ${this.#table} WHERE connection_id = CAST(? AS ${text}))`,
        [
          ...[connection.id, String(syncNo), packed(offer, textBytesMax)],
          before === null ? null : packed(before, textBytesMax),
          connection.id,
        ],
      );
    });
  }

  async #row({ id }: ConnectionRef): Promise<Offer | null> {
    const { rows } = await this.#session.query(
      `SELECT sync_no, offer, before_offer FROM ${this.#table} WHERE connection_id = ?`,
      [id],
    );
    const found = rows[0];
    if (found === undefined) return null;
    const before = (found['before_offer'] ?? null) as string | null;
    return {
      syncNo: Number(found['sync_no']),
      offer: unpacked(String(found['offer'])),
      before: before === null ? null : unpacked(before),
    };
  }
}

interface Offer {
  readonly syncNo: number;
  readonly offer: string;
  readonly before: string | null;
}
