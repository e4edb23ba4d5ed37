import { connectionHash } from '../../../connectors/kit/warehouse/ledger.ts';
import type { WarehouseSession } from '../../../connectors/kit/warehouse/warehouse.ts';
import { endEarlierTransactions, guarded } from '../../../connectors/snowflake/transactions.ts';
import { connection, epoch, failure } from '../harness.ts';

/** Answers statements by how they begin, and keeps them. An error is thrown. */
function scripted(answers: Readonly<Record<string, readonly object[] | Error>>): {
  readonly session: WarehouseSession;
  readonly said: string[];
} {
  const said: string[] = [];
  const ended = new AbortController();
  const session: WarehouseSession = {
    ended: ended.signal,
    query(sql) {
      said.push(sql);
      const [, answer = []] =
        Object.entries(answers).find(([start]) => sql.startsWith(start)) ?? [];
      return answer instanceof Error
        ? Promise.reject(answer)
        : Promise.resolve({ rows: answer as never, count: 0 });
    },
    destroy: () => ended.abort(),
    close: () => Promise.resolve(),
  };
  return { session, said };
}

const current = { 'SELECT CURRENT_TRANSACTION()': [{ id: '1661899308790000001' }] };
const author = { connection, epoch: epoch(3, 1700000000123) };
const hash = connectionHash(connection);

test('a transaction has a name, is one of its own, and is told to be committed once it is', async () => {
  const { session, said } = scripted({
    ...current,
    'DESCRIBE TRANSACTION': [{ state: 'committed' }],
  });
  const own = guarded(session, author);
  for (const sql of ['BEGIN TRANSACTION', 'SELECT 1', 'COMMIT']) await own.query(sql);
  expect(said).toEqual([
    'ALTER SESSION SET AUTOCOMMIT = FALSE',
    `BEGIN TRANSACTION NAME tidemark_${hash}_3_1700000000123`,
    'SELECT CURRENT_TRANSACTION() AS id',
    'SELECT 1',
    'SELECT CURRENT_TRANSACTION() AS id',
    'COMMIT',
    'DESCRIBE TRANSACTION 1661899308790000001',
    'ALTER SESSION SET AUTOCOMMIT = TRUE',
  ]);
});

test('one that was ended right before its COMMIT, which then is ignored, is not told to be committed', async () => {
  const { session } = scripted({ ...current, 'DESCRIBE TRANSACTION': [{ state: 'rolled back' }] });
  const own = guarded(session, author);
  await own.query('BEGIN TRANSACTION');
  expect((await failure(own.query('COMMIT'))).kind).toBe('transient_error');
});

test('a session that could not roll back is of no use any more: its next transaction would hold what this one wrote', async () => {
  const { session } = scripted({ ...current, ROLLBACK: new Error('no answer') });
  const own = guarded(session, author);
  await own.query('BEGIN TRANSACTION');
  await expect(own.query('ROLLBACK')).rejects.toThrow('no answer');
  expect(own.ended.aborted).toBe(true);
});

test('only transactions of earlier epochs of the connection are ended', async () => {
  const named = (id: string, name: string) => ({ id, name });
  const { session, said } = scripted({
    'SHOW TRANSACTIONS': [
      named('1', `tidemark_${hash}_2_9000`),
      named('2', `TIDEMARK_${hash.toUpperCase()}_3_999`),
      named('3', `tidemark_${hash}_3_1000`),
      named('4', `tidemark_${hash}_3_1001`),
      named('5', `tidemark_${hash}_10_1`),
      named('6', `tidemark_${'0'.repeat(hash.length)}_1_1`),
      named('7', 'b2d5e9a4-1f0e-4f0b-9f5a-3d6e7c8b9a10'),
      named('8', `nottidemark_${hash}_1_1`),
    ],
  });
  await endEarlierTransactions(session, hash, epoch(3, 1000));
  expect(said.slice(1)).toEqual([
    'SELECT SYSTEM$ABORT_TRANSACTION(1)',
    'SELECT SYSTEM$ABORT_TRANSACTION(2)',
  ]);
});
