import { SyncError, type OpenInput } from '../../../protocol/index.ts';
import { refuseTooFew } from '../../kit/hidden.ts';
import { quoteIdentifier } from '../../kit/identifiers.ts';
import type { Table } from '../../kit/tables.ts';
import type { Target } from '../../kit/targets.ts';
import type { PostgresLedger } from './ledger.ts';
import type { Session } from '../session.ts';
import { keyIndexName, keyNames, tableSql } from './tables.ts';

/**
 * Inside the commit's transaction: the hidden table's rows are the target's from now on. The table itself takes the place of the old one, unless
 * people have built upon that: then its rows are replaced, which keeps their views, indexes and triggers and costs a second writing.
 * Returns the table to load from now on.
 */
export async function publish(
  session: Session,
  ledger: PostgresLedger,
  table: Table,
  { connection, rowsMin }: Pick<OpenInput, 'connection' | 'rowsMin'>,
): Promise<Table> {
  const { target } = table;
  await refuseTooFew(table, rowsMin, async (query) => (await session.query(query)).rows);
  const sql = tableSql(target.schema, target.table);
  const exists = (await ledger.tableColumns(target.schema, target.table)).length > 0;
  if (exists && (await isBuiltUpon(session, table, sql))) await replaceRows(session, ledger, table);
  else {
    if (exists) await keepGrants(session, sql, table.sql);
    await session.query(`DROP TABLE IF EXISTS ${sql}`);
    await session.query(`ALTER TABLE ${table.sql} RENAME TO ${quoteIdentifier(target.table)}`);
    await renameKeyIndex(session, table);
  }
  await ledger.published(connection, target);
  return { ...table, target: { ...target, hidden: null }, sql };
}

/** True when something that Tidemark did not make depends on the table: it would go with it. */
async function isBuiltUpon(
  session: Session,
  { target, columns }: Table,
  sql: string,
): Promise<boolean> {
  const own =
    target.dedupBy === null ? '' : keyIndexName(target.table, keyNames(target.dedupBy, columns));
  const { rows } = await session.query(
    `SELECT EXISTS (SELECT 1 FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
           WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND r.ev_class <> t.oid)
       OR EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = t.oid AND c.relname <> $2)
       OR EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = t.oid AND NOT tgisinternal)
       OR EXISTS (SELECT 1 FROM pg_constraint WHERE (conrelid = t.oid OR confrelid = t.oid) AND contype <> 'n')
       OR EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = t.oid)
       OR EXISTS (SELECT 1 FROM pg_publication_rel WHERE prrelid = t.oid)
       OR EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = t.oid OR inhparent = t.oid) AS found
     FROM (SELECT $1::regclass::oid AS oid) t`,
    [sql, own],
  );
  return rows[0]!['found'] === true;
}

/** Who may read the old table may read the new one. */
async function keepGrants(session: Session, from: string, to: string): Promise<void> {
  const { rows } = await session.query(
    `SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
       a.privilege_type AS privilege, a.is_grantable AS grantable
     FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = $1::regclass AND a.grantee <> c.relowner`,
    [from],
  );
  for (const { grantee, privilege, grantable } of rows)
    await session.query(
      `GRANT ${String(privilege)} ON ${to} TO ${String(grantee)}${grantable === true ? ' WITH GRANT OPTION' : ''}`,
    );
}

/** So that the next `open` finds it by the name it looks for. */
async function renameKeyIndex(session: Session, { target, columns }: Table): Promise<void> {
  if (target.dedupBy === null) return;
  const keys = keyNames(target.dedupBy, columns);
  const index = keyIndexName(target.hidden!, keys);
  await session.query(
    `ALTER INDEX IF EXISTS ${tableSql(target.schema, index)} RENAME TO ${quoteIdentifier(keyIndexName(target.table, keys))}`,
  );
}

/** Readers see the old rows until the commit, also those that began before it. Columns that the new data lacks stay, and are empty. */
async function replaceRows(
  session: Session,
  ledger: PostgresLedger,
  { target, sql: from }: Table,
): Promise<void> {
  const { schema, table, hidden } = target;
  const sql = tableSql(schema, table);
  const existing = await ledger.tableColumns(schema, table);
  const typeOf = new Map(existing.map(({ name, type }) => [name, type]));
  const columns = await ledger.tableColumns(schema, hidden!);
  for (const { name, type } of columns) {
    const known = typeOf.get(name);
    if (known === undefined)
      await session.query(`ALTER TABLE ${sql} ADD COLUMN ${quoteIdentifier(name)} ${type}`);
    else if (known !== type) throw retyped(target, name);
  }
  const names = columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  await session.query(`DELETE FROM ${sql}`);
  await session.query(`INSERT INTO ${sql} (${names}) SELECT ${names} FROM ${from}`);
  await session.query(`DROP TABLE ${from}`);
}

function retyped({ stream, schema, table }: Target, column: string): SyncError {
  return new SyncError(
    'config_error',
    'A column has another type in the new data, and something depends on the table that holds the old.',
    {
      origin: 'destination',
      stream,
      place: `${schema}.${table}, column ${column}`,
      remedy: 'Drop the views, indexes and triggers on that table, sync again, and make them anew.',
    },
  );
}
