import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { columnsOf, replaceTable } from '../../../connectors/redshift/catalog.ts';
import { redshiftDestination } from '../../../connectors/redshift/index.ts';
import { isConflict } from '../../../connectors/redshift/errors.ts';
import { csvLine } from '../../../connectors/redshift/line.ts';
import { connect, type RedshiftSession } from '../../../connectors/redshift/session.ts';
import { openStage } from '../../../connectors/redshift/stage.ts';
import type { RowFile, Stage } from '../../../connectors/kit/warehouse/warehouse.ts';
import { testStandIn, type StandInRedshift } from '../../support/redshift.ts';
import { failure, never } from '../harness.ts';

// On the stand-in: Postgres for tables and transactions, an S3 server for files, and the rules of Redshift's reference for what is between.

let redshift: StandInRedshift;
let session: RedshiftSession;
let stage: Stage;
let directory: string;
beforeAll(async () => {
  redshift = await testStandIn();
  directory = await mkdtemp(join(tmpdir(), 'tidemark-test-redshift-'));
  session = await connect(redshift.config, never);
  stage = await openStage(redshift.config, never);
});
afterAll(async () => {
  await stage.close();
  await session.close();
  await redshift.drop();
  await rm(directory, { recursive: true });
});

const query = async (sql: string) => (await session.query(sql)).rows;

async function fileOf(
  table: string,
  rows: readonly (readonly (string | null)[])[],
  columns: readonly string[] = ['id', 'name'],
): Promise<RowFile> {
  const name = `${table}-${randomUUID()}`;
  const path = join(directory, name);
  const bytes = gzipSync(rows.map((cells) => csvLine(columns, cells)).join(''));
  await writeFile(path, bytes);
  return { name, path, bytes: bytes.length, rows: rows.length, columns };
}

async function loaded(
  table: string,
  files: readonly RowFile[],
  type = 'character varying(65535)',
): Promise<void> {
  await session.query(`CREATE TABLE ${table} (id ${type}, name ${type})`);
  for (const file of files) await stage.put(file, table, never);
  await stage.load(table, files, never);
}

test('files arrive as they were written: empty texts, none, quotes, line ends', async () => {
  const rows = [
    ['1', ''],
    ['2', null],
    ['3', 'a"b,\r\n\\N é😀'],
  ];
  await loaded('public.exact', [await fileOf('exact', rows), await fileOf('exact', [['4', ' ']])]);
  const found = await query('SELECT id, name FROM public.exact ORDER BY id');
  expect(found.map((row) => [row['id'], row['name']])).toEqual([...rows, ['4', ' ']]);
});

test('a file that is gone ends the load: none of the others is loaded alone', async () => {
  const [one, two] = [await fileOf('gone', [['1', 'a']]), await fileOf('gone', [['2', 'b']])];
  await session.query('CREATE TABLE public.gone (id varchar(10), name varchar(10))');
  for (const file of [one, two]) await stage.put(file, 'public.gone', never);
  await stage.remove(two.name);
  expect((await failure(stage.load('public.gone', [one, two], never))).kind).toBe(
    'transient_error',
  );
  expect(await query('SELECT * FROM public.gone')).toEqual([]);
});

test('a line that is not taken is told by its place, without its contents', async () => {
  const file = await fileOf('long', [
    ['1', 'short'],
    ['2', 'a secret that is long'],
  ]);
  const error = await failure(loaded('public.long', [file], 'character varying(8)'));
  expect(error).toMatchObject({
    kind: 'system_error',
    facts: { line_number: '2', column_name: 'name', error_code: '1204' },
  });
  const { message, remedy, place, facts } = error;
  expect(JSON.stringify({ message, remedy, place, facts })).not.toContain('secret');
});

test('files are found and removed by how their names begin', async () => {
  const files = [await fileOf('part_1', []), await fileOf('part_12', [])];
  for (const file of files) await stage.put(file, '', never);
  expect((await stage.list('part_1')).length).toBe(2);
  await stage.remove('part_1-');
  expect(await stage.list('part_1')).toEqual([files[1]!.name]);
  await stage.remove('part_1');
  await stage.remove('part_1');
});

test('a table takes the place of another at once, and again', async () => {
  await session.query('CREATE TABLE public.seen (a bigint)');
  await session.query('CREATE TABLE public.next (a bigint, b super)');
  const replace = () => replaceTable(session, 'public', 'next', 'seen');
  await replace();
  await replace();
  expect(await columnsOf(session, 'public', 'Seen')).toEqual([
    { name: 'a', type: 'bigint' },
    { name: 'b', type: 'super' },
  ]);
});

test('who did not lock first is in conflict with who committed meanwhile; who did is not', async () => {
  await session.query('CREATE TABLE public.fence (n bigint)');
  await session.query('INSERT INTO public.fence SELECT 1');
  const other = await connect(redshift.config, never);
  await session.query('BEGIN TRANSACTION');
  await session.query('SELECT n FROM public.fence');
  await other.query('UPDATE public.fence SET n = n + 1');
  const error = await session.query('UPDATE public.fence SET n = n + 1').catch((e: unknown) => e);
  await session.query('ROLLBACK');
  expect(isConflict(error)).toBe(true);
  await session.query('BEGIN TRANSACTION');
  await session.query('LOCK TABLE public.fence');
  const waiting = other.query('UPDATE public.fence SET n = n + 1');
  await session.query('UPDATE public.fence SET n = n + 1');
  await session.query('COMMIT');
  // Its snapshot is older than what it waited for, where nothing was locked first: then the same again.
  await waiting.catch((e: unknown) => {
    if (!isConflict(e)) throw e;
    return other.query('UPDATE public.fence SET n = n + 1');
  });
  await other.close();
  expect(await query('SELECT n FROM public.fence')).toEqual([{ n: '4' }]);
});

test('the check leaves nothing behind, and tells which right is missing', async () => {
  const { database, bucket } = redshift;
  const config = { ...redshift.config, prefix: `${redshift.config.prefix}/check` };
  await redshiftDestination.check({ ...config, schema: 'Made' }, never);
  const tables = await database.query(
    "SELECT relname FROM pg_class WHERE relname LIKE '%tidemark_check%'",
  );
  expect(tables).toEqual([]);
  expect((await bucket.listing()).filter((key) => key.startsWith('check/'))).toEqual([]);
  const role = `poor_${randomUUID().replaceAll('-', '')}`;
  await database.query(`CREATE ROLE ${role} LOGIN`);
  await database.query('CREATE SCHEMA closed');
  const poor = config.url!.replace('postgres@', `${role}@`);
  try {
    const noSchema = await failure(
      redshiftDestination.check({ ...config, url: poor, schema: 'x' }, never),
    );
    expect(noSchema.remedy).toContain('GRANT CREATE ON DATABASE');
    const closed = await failure(
      redshiftDestination.check({ ...config, url: poor, schema: 'closed' }, never),
    );
    expect(closed).toMatchObject({ kind: 'config_error', facts: { code: '42501' } });
    expect(closed.remedy).toContain('GRANT USAGE, CREATE ON SCHEMA "closed"');
  } finally {
    await database.query(`DROP ROLE ${role}`);
  }
});

test('the check tells a role that Redshift may not act as, and a key that may not read', async () => {
  const { config } = redshift;
  const other = { ...config, iam_role: 'arn:aws:iam::123456789012:role/other' };
  expect(await failure(redshiftDestination.check(other, never))).toMatchObject({
    kind: 'config_error',
    message: 'Redshift may not act as the IAM role.',
  });
  const { iam_role: _, ...withKey } = config;
  await redshiftDestination.check(withKey, never);
});
