import { compareEpochs, SyncError, type Epoch } from '../../protocol/index.ts';
import { connectionHash } from '../kit/warehouse/ledger.ts';
import type { Answer, Author, WarehouseSession } from '../kit/warehouse/warehouse.ts';

const prefix = 'tidemark_';

/** A transaction's name tells whose it is: SHOW TRANSACTIONS shows it to others. */
const nameOf = ({ connection, epoch }: Author): string =>
  `${prefix}${connectionHash(connection)}_${epoch.syncNo}_${epoch.at}`;

/** Of a transaction of this connection; null: it is of another, or none of ours. `connection`: as in the names of tables. */
function epochIn(name: string, connection: string): Epoch | null {
  const [, hash, syncNo, at] = /^tidemark_([0-9a-f]+)_(\d+)_(\d+)$/i.exec(name) ?? [];
  if (hash?.toLowerCase() !== connection) return null;
  return { syncNo: Number(syncNo), at: Number(at) };
}

/**
 * A transaction may be ended from outside: by the next writer (below), or by the service, once it has been idle for 5 minutes in another's way. Its session
 * goes on as if nothing had happened: each further statement would be committed by itself, and COMMIT, with nothing open, is ignored
 * (docs.snowflake.com: sql-reference/transactions#aborting-transactions, sql-reference/sql/commit). So while one is open nothing is committed by itself:
 * what comes after its end opens another one, which is never committed. Only its own is, and what became of it is asked. Invariants 1 and 3.
 */
export function guarded(session: WarehouseSession, author?: Author): WarehouseSession {
  const name = author === undefined ? '' : ` NAME ${nameOf(author)}`;
  let open: string | null = null;

  const begin = async (): Promise<Answer> => {
    // It would commit what is open: see `rollback`.
    await session.query('ALTER SESSION SET AUTOCOMMIT = FALSE');
    const answer = await session.query(`BEGIN TRANSACTION${name}`);
    open = await currentOf(session);
    return answer;
  };
  const commit = async (): Promise<Answer> => {
    const own = open;
    if (own === null || (await currentOf(session)) !== own) throw wasEnded();
    const answer = await session.query('COMMIT');
    // docs.snowflake.com: sql-reference/sql/desc-transaction
    const { rows } = await session.query(`DESCRIBE TRANSACTION ${own}`);
    if (String(rows[0]?.['state']).toLowerCase() !== 'committed') throw wasEnded();
    await session.query('ALTER SESSION SET AUTOCOMMIT = TRUE');
    open = null;
    return answer;
  };
  const rollback = async (): Promise<Answer> => {
    open = null;
    try {
      const answer = await session.query('ROLLBACK');
      await session.query('ALTER SESSION SET AUTOCOMMIT = TRUE');
      return answer;
    } catch (error) {
      // What is still open would be part of the next transaction, whose BEGIN would be ignored.
      session.destroy();
      throw error;
    }
  };
  return {
    ...session,
    query(sql, values) {
      if (sql === 'BEGIN TRANSACTION') return begin();
      if (sql === 'COMMIT') return commit();
      return sql === 'ROLLBACK' ? rollback() : session.query(sql, values);
    },
  };
}

/** docs.snowflake.com: sql-reference/functions/current_transaction. 64 bits, as text. */
async function currentOf(session: WarehouseSession): Promise<string | null> {
  const { rows } = await session.query('SELECT CURRENT_TRANSACTION() AS id');
  const id = rows[0]?.['id'];
  return typeof id === 'string' && isId(id) ? id : null;
}

const isId = (text: string): boolean => /^-?\d+$/.test(text);

/**
 * Ends the transactions that earlier writers of the connection have open. Who began one may end it, and so may an administrator: no privilege is needed,
 * but the same user. Transactions of others are not shown. (docs.snowflake.com: sql-reference/sql/show-transactions, sql-reference/functions/system_abort_transaction)
 */
export async function endEarlierTransactions(
  session: WarehouseSession,
  connection: string,
  epoch: Epoch,
): Promise<void> {
  const { rows } = await session.query('SHOW TRANSACTIONS');
  for (const row of rows) {
    const theirs = epochIn(String(row['name']), connection);
    const id = String(row['id']);
    // Invariant 3: those of epochs before its own only.
    if (theirs === null || compareEpochs(theirs, epoch) >= 0 || !isId(id)) continue;
    await session.query(`SELECT SYSTEM$ABORT_TRANSACTION(${id})`);
  }
}

const wasEnded = (): SyncError =>
  new SyncError('transient_error', 'A transaction of Snowflake was ended from outside.', {
    origin: 'destination',
    remedy: 'Nothing of it was committed. The next attempt goes on from the last checkpoint.',
  });
