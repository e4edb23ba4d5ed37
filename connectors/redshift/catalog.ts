import type { WarehouseSession } from '../kit/warehouse/warehouse.ts';
import { lowerCase, quoteName, tableSql } from './sql.ts';

// What the leader node keeps of tables, as PG_TABLE_DEF reads it (which tells of schemas in the search path only). (…/dg/c_join_PG_examples.html)

/** Asks first: that it may use a schema is more than a user needs who may not make one. (…/dg/r_CREATE_SCHEMA.html) */
export async function makeSchema(session: WarehouseSession, schema: string): Promise<void> {
  const { rows } = await session.query('SELECT 1 AS found FROM pg_namespace WHERE nspname = ?', [
    lowerCase(schema),
  ]);
  if (rows.length === 0) await session.query(`CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)}`);
}

export async function columnsOf(
  session: WarehouseSession,
  schema: string,
  table: string,
): Promise<{ readonly name: string; readonly type: string }[]> {
  const { rows } = await session.query(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS "type"
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ? AND c.relname = ? AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attnum`,
    [lowerCase(schema), lowerCase(table)],
  );
  return rows.map((row) => ({ name: String(row['name']), type: String(row['type']) }));
}

export async function tableNames(
  session: WarehouseSession,
  schema: string,
  prefix: string,
): Promise<string[]> {
  const start = lowerCase(prefix);
  const { rows } = await session.query(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ? AND c.relkind = 'r' AND left(c.relname, ${start.length}) = ? ORDER BY 1`,
    [lowerCase(schema), start],
  );
  return rows.map((row) => String(row['name']));
}

/**
 * One transaction, in which a table may be dropped and renamed: who reads waits for it, and sees the one or the other. Done again after it was
 * committed, there is no `from` any more. (…/dg/r_ALTER_TABLE.html, …/dg/c_serial_isolation.html)
 */
export async function replaceTable(
  session: WarehouseSession,
  schema: string,
  from: string,
  table: string,
): Promise<void> {
  if ((await columnsOf(session, schema, from)).length === 0) return;
  await session.query('BEGIN TRANSACTION');
  try {
    await session.query(`DROP TABLE IF EXISTS ${tableSql(schema, table)}`);
    await session.query(`ALTER TABLE ${tableSql(schema, from)} RENAME TO ${quoteName(table)}`);
    await session.query('COMMIT');
  } catch (error) {
    // A session that is lost has rolled back.
    await session.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
