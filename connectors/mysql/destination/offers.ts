import type { ConnectionRef } from '../../../protocol/index.ts';
import { offerTable } from '../../kit/ledger.ts';
import type { MysqlLedger } from './ledger.ts';
import type { Session } from './session.ts';
import { tableSql } from './tables.ts';

/** What the source of each connection offered: one row a connection, with what it offered to the sync before. */
export class MysqlOffers {
  readonly #session: Session;
  readonly #ledger: MysqlLedger;
  readonly #table: string;

  constructor(session: Session, ledger: MysqlLedger) {
    this.#session = session;
    this.#ledger = ledger;
    this.#table = tableSql(ledger.schema, offerTable);
  }

  async before({ id }: ConnectionRef, syncNo: number): Promise<string | null> {
    if ((await this.#ledger.tableColumns(this.#ledger.schema, offerTable)).length === 0)
      return null;
    const { rows } = await this.#session.query(
      `SELECT CASE WHEN sync_no = ? THEN "before" ELSE offer END AS offer FROM ${this.#table} WHERE connection_id = ?`,
      [syncNo, id],
    );
    return (rows[0]?.['offer'] as string | null | undefined) ?? null;
  }

  /** Idempotent. A later sync's stays: invariant 3. */
  async keep({ id }: ConnectionRef, syncNo: number, offer: string): Promise<void> {
    await this.#ledger.make(
      offerTable,
      `connection_id varchar(64) PRIMARY KEY, sync_no bigint NOT NULL, offer longtext NOT NULL, "before" longtext`,
    );
    await this.#session.query(
      `INSERT INTO ${this.#table} (connection_id, sync_no, offer) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE connection_id = connection_id`,
      [id, syncNo, offer],
    );
    // From left to right: each sees what those before it have set.
    await this.#session.query(
      `UPDATE ${this.#table} SET "before" = CASE WHEN sync_no = ? THEN "before" ELSE offer END, sync_no = ?, offer = ?
       WHERE connection_id = ? AND sync_no <= ? AND offer <> ?`,
      [syncNo, syncNo, offer, id, syncNo, offer],
    );
  }
}
