import { SyncError, type OpenInput } from '../../../protocol/index.ts';
import { hiddenPrefix, refuseTooFew } from '../../kit/hidden.ts';
import { quoteIdentifier, shortHash } from '../../kit/identifiers.ts';
import type { Table } from '../../kit/tables.ts';
import type { Target } from '../../kit/targets.ts';
import type { MysqlLedger, Publication } from './ledger.ts';
import type { Session } from './session.ts';
import { generatedKey, keyIndexPrefix, tableSql } from './tables.ts';

// RENAME TABLE is atomic, and ends a transaction. So the commit that completes a stream records that its hidden table is to be published, then
// the tables are exchanged, then that is recorded. Whoever opens next makes up for a crash in between. Since a hidden table is named by its
// generation, and is gone once it is published, a late exchange by a writer that was fenced off names nothing.

/** How a hidden table is to be published. */
export interface PublishPlan {
  readonly table: Table;
  /** Instead of the exchange: the columns of the new rows, which take the place of the old in a table that people have built upon. */
  readonly replaced: readonly string[] | null;
}

/** Before the transaction: it may add columns. */
export async function planPublish(
  session: Session,
  ledger: MysqlLedger,
  table: Table,
): Promise<PublishPlan> {
  const { schema, table: name } = table.target;
  const existing = await ledger.tableColumns(schema, name);
  if (existing.length === 0 || !(await isBuiltUpon(session, table.target)))
    return { table, replaced: null };
  const typeOf = new Map(existing.map(({ name: column, type }) => [column, type]));
  const columns = await ledger.tableColumns(schema, table.target.hidden!);
  for (const column of columns) {
    const known = typeOf.get(column.name);
    if (known === undefined)
      await session.query(
        `ALTER TABLE ${tableSql(schema, name)} ADD COLUMN ${quoteIdentifier(column.name)} ${column.type}`,
      );
    else if (known !== column.type) throw retyped(table.target, column.name);
  }
  return { table, replaced: columns.map((column) => quoteIdentifier(column.name)) };
}

/** True when something that Tidemark did not make would go with the table. Views and grants go by its name, and stay. */
async function isBuiltUpon(session: Session, { schema, table }: Target): Promise<boolean> {
  const place = [schema, table];
  const { rows } = await session.query(
    `SELECT EXISTS (SELECT 1 FROM information_schema.triggers WHERE event_object_schema = ? AND event_object_table = ?)
       OR EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = ? AND table_name = ? AND LEFT(index_name, ${keyIndexPrefix.length}) <> '${keyIndexPrefix}' AND column_name <> '${generatedKey}')
       OR EXISTS (SELECT 1 FROM information_schema.key_column_usage WHERE referenced_table_schema = ? AND referenced_table_name = ?) AS found`,
    [...place, ...place, ...place],
  );
  return Number(rows[0]!['found']) === 1;
}

function retyped({ stream, schema, table }: Target, column: string): SyncError {
  return new SyncError(
    'config_error',
    'A column has another type in the new data, and something depends on the table that holds the old.',
    {
      origin: 'destination',
      stream,
      place: `${schema}.${table}, column ${column}`,
      remedy:
        'Drop the indexes, triggers and foreign keys on that table, sync again, and make them anew.',
    },
  );
}

/** Inside the commit's transaction. Returns the table to load from now on. */
export async function decide(
  session: Session,
  ledger: MysqlLedger,
  { table, replaced }: PublishPlan,
  { connection, rowsMin }: Pick<OpenInput, 'connection' | 'rowsMin'>,
): Promise<Table> {
  const { target } = table;
  const sql = tableSql(target.schema, target.table);
  await refuseTooFew(table, rowsMin, async (query) => (await session.query(query)).rows);
  if (replaced === null) await ledger.publishing(connection, target);
  else {
    const names = replaced.join(', ');
    await session.query(`DELETE FROM ${sql}`);
    await session.query(`INSERT INTO ${sql} (${names}) SELECT ${names} FROM ${table.sql}`);
    await ledger.published(connection, target);
  }
  return { ...table, target: { ...target, hidden: null }, sql };
}

/** After the transaction, as often as it takes. */
export async function exchange(
  session: Session,
  ledger: MysqlLedger,
  publication: Publication,
): Promise<void> {
  const { schema, table, generation } = publication;
  const hidden = `${hiddenPrefix(schema, table)}${generation}`;
  const old = `_tidemark_old_${shortHash(JSON.stringify([schema, table]), 16)}`;
  const [sql, from, away] = [table, hidden, old].map((name) => tableSql(schema, name));
  if ((await ledger.tableColumns(schema, hidden)).length > 0) {
    await ledger.dropTable(schema, old);
    const exists = (await ledger.tableColumns(schema, table)).length > 0;
    await session.query(`RENAME TABLE ${exists ? `${sql} TO ${away}, ` : ''}${from} TO ${sql}`);
  }
  await ledger.dropTable(schema, old);
  await ledger.hasPublished(publication);
}
