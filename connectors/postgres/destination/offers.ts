import type { ConnectionRef } from '../../../protocol/index.ts';
import { offerTable } from '../../kit/ledger.ts';
import type { PostgresLedger } from './ledger.ts';
import type { Session } from '../session.ts';
import { tableSql } from './tables.ts';

/** What the source of each connection offered: one row a connection, with what it offered to the sync before. */
export class PostgresOffers {
  readonly #session: Session;
  readonly #ledger: PostgresLedger;
  readonly #table: string;

  constructor(session: Session, ledger: PostgresLedger) {
    this.#session = session;
    this.#ledger = ledger;
    this.#table = tableSql(ledger.schema, offerTable);
  }

  async before({ id }: ConnectionRef, syncNo: number): Promise<string | null> {
    if ((await this.#ledger.tableColumns(this.#ledger.schema, offerTable)).length === 0)
      return null;
    const { rows } = await this.#session.query(
      `SELECT CASE WHEN sync_no = $2 THEN before ELSE offer END AS offer FROM ${this.#table} WHERE connection_id = $1`,
      [id, syncNo],
    );
    return (rows[0]?.['offer'] as string | null | undefined) ?? null;
  }

  /** Idempotent. A later sync's stays: invariant 3. */
  async keep({ id }: ConnectionRef, syncNo: number, offer: string): Promise<void> {
    await this.#ledger.make(
      offerTable,
      `CREATE TABLE IF NOT EXISTS ${this.#table} (
        connection_id text PRIMARY KEY, sync_no bigint NOT NULL, offer text NOT NULL, before text)`,
    );
    await this.#session.query(
      `INSERT INTO ${this.#table} AS o (connection_id, sync_no, offer) VALUES ($1, $2, $3)
       ON CONFLICT (connection_id) DO UPDATE SET sync_no = EXCLUDED.sync_no, offer = EXCLUDED.offer,
         before = CASE WHEN o.sync_no = EXCLUDED.sync_no THEN o.before ELSE o.offer END
       WHERE o.sync_no <= EXCLUDED.sync_no AND o.offer <> EXCLUDED.offer`,
      [id, syncNo, offer],
    );
  }
}
