import { connectionHash } from '../../../connectors/kit/warehouse/ledger.ts';
import { connect } from '../../../connectors/redshift/session.ts';
import { redshiftWarehouse } from '../../../connectors/redshift/warehouse.ts';
import { testRedshift, type TestRedshift } from '../../support/redshift.ts';
import { connection, epoch, never } from '../harness.ts';

// On the stand-in: sessions, their numbers and their end are Postgres' own; sys_session_history is a view of its sessions.

let redshift: TestRedshift;
beforeAll(async () => {
  redshift = await testRedshift();
});
afterAll(async () => {
  await redshift.drop();
});

const author = (syncNo: number) => ({ connection, epoch: epoch(syncNo) });
const open = async (syncNo: number) => {
  const warehouse = redshiftWarehouse(redshift.config);
  const session = await warehouse.connect(never, author(syncNo));
  await warehouse.takeOver!(session, connectionHash(connection), epoch(syncNo));
  return session;
};
const kept = `public._tidemark_sessions_${connectionHash(connection)}`;

test('a session is kept once, before its first transaction, and forgotten with its end', async () => {
  const one = await open(1);
  expect((await one.query(`SELECT * FROM ${kept}`)).rows).toEqual([]);
  for (let times = 0; times < 2; times += 1) {
    await one.query('BEGIN TRANSACTION');
    await one.query('COMMIT');
  }
  const { rows } = await one.query(`SELECT session_id, sync_no, attempt_at FROM ${kept}`);
  expect(rows).toEqual([
    {
      session_id: expect.stringMatching(/^\d+ \d{4}-/),
      ...{ sync_no: '1', attempt_at: '1000' },
    },
  ]);
  const two = await open(2);
  await expect(one.query('SELECT 1')).rejects.toThrow();
  expect((await two.query(`SELECT * FROM ${kept}`)).rows).toEqual([]);
  await two.close();
});

test('a session that has got the number of an earlier one is left alone', async () => {
  const stranger = await connect(redshift.config, never);
  const next = await open(3);
  // As if it had been kept by a session that ended before the stranger's began.
  await next.query(`INSERT INTO ${kept} SELECT ?, 1, 1000`, [
    `${stranger.processId} 2020-01-01 00:00:00.123456`,
  ]);
  const after = await open(4);
  expect((await after.query(`SELECT * FROM ${kept}`)).rows).toEqual([]);
  expect((await stranger.query('SELECT 1 AS one')).rows).toHaveLength(1);
  for (const session of [stranger, next, after]) await session.close();
});

test('each statement is of a group that names the connection; those of a check of one that does not', async () => {
  const groupOf = async (session: Awaited<ReturnType<typeof connect>>) => {
    const { rows } = await session.query('SHOW query_group');
    await session.close();
    return Object.values(rows[0]!);
  };
  expect(await groupOf(await connect(redshift.config, never, author(1)))).toEqual([
    'tidemark:shop',
  ]);
  expect(await groupOf(await connect(redshift.config, never))).toEqual(['tidemark']);
});
