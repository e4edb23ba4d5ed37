import type { ConnectionRef } from '../../protocol/index.ts';
import { quoteLiteral } from '../kit/identifiers.ts';
import { offerTable } from '../kit/ledger.ts';
import type { Database } from './database.ts';
import type { DuckdbLedger } from './ledger.ts';

/** What the source of each connection offered: one row a connection, with what it offered to the sync before. */
export class DuckdbOffers {
  readonly #database: Database;
  readonly #ledger: DuckdbLedger;
  readonly #table: string;

  constructor(database: Database, ledger: DuckdbLedger) {
    this.#database = database;
    this.#ledger = ledger;
    this.#table = database.table(ledger.schema, offerTable);
  }

  async before({ id }: ConnectionRef, syncNo: number): Promise<string | null> {
    if ((await this.#ledger.tableColumns(this.#ledger.schema, offerTable)).length === 0)
      return null;
    const [row] = await this.#database.rows(
      `SELECT CASE WHEN sync_no = ${syncNo} THEN before ELSE offer END AS offer
       FROM ${this.#table} WHERE connection_id = ${quoteLiteral(id)}`,
    );
    return (row?.['offer'] as string | null | undefined) ?? null;
  }

  /** Idempotent. A later sync's stays: invariant 3. */
  async keep({ id }: ConnectionRef, syncNo: number, offer: string): Promise<void> {
    await this.#database.run(`CREATE TABLE IF NOT EXISTS ${this.#table} (
      connection_id VARCHAR PRIMARY KEY, sync_no BIGINT NOT NULL, offer VARCHAR NOT NULL, before VARCHAR)`);
    await this.#database.run(
      `INSERT INTO ${this.#table} AS o (connection_id, sync_no, offer)
       VALUES (${quoteLiteral(id)}, ${syncNo}, ${quoteLiteral(offer)})
       ON CONFLICT (connection_id) DO UPDATE SET sync_no = EXCLUDED.sync_no, offer = EXCLUDED.offer,
         before = CASE WHEN o.sync_no = EXCLUDED.sync_no THEN o.before ELSE o.offer END
       WHERE o.sync_no <= EXCLUDED.sync_no AND o.offer <> EXCLUDED.offer`,
    );
  }
}
