import type { Observed } from '../columns.ts';
import { extractedAtColumn, generationColumn, metaColumn, rawIdColumn } from '../columns.ts';
import { own } from '../rows/rows.ts';
import { planTable, type Column, type Table, type TableDialect } from '../tables.ts';
import type { Target } from '../targets.ts';
import type { WarehouseLedger } from './ledger.ts';
import type { Warehouse, WarehouseDialect, WarehouseSession } from './warehouse.ts';

const attemptsMax = 3;

const tableDialect = ({
  fold,
  spell,
  narrow,
  quote,
  typeOf,
  airbyte,
  own: types,
  reserved = [],
}: WarehouseDialect): TableDialect => ({
  fold,
  spell,
  ...(narrow !== undefined && { narrow }),
  quote,
  sqlTypeOf: typeOf,
  airbyteTypes: {
    [rawIdColumn]: airbyte.id,
    [extractedAtColumn]: airbyte.instant,
    [metaColumn]: airbyte.json,
    [generationColumn]: types.integer,
  },
  reserved: [...Object.values(own), ...reserved],
});

/** Makes the table or adds the columns it lacks. Additive, idempotent, outside transactions. Another writer may be quicker: what it made counts. */
export async function ensureTable(
  warehouse: Warehouse,
  session: WarehouseSession,
  ledger: WarehouseLedger,
  given: Target,
  more: readonly Observed[] = [],
): Promise<Table> {
  const { dialect } = warehouse;
  await warehouse.makeSchema(session, given.schema);
  const sql = dialect.table(given.schema, given.hidden ?? given.table);
  const like = given.hidden === null ? null : given.table;
  const columnsOf = (table: string) => ledger.tableColumns(given.schema, table);
  for (let attempts = 1; ; attempts += 1) {
    const plan = await planTable(given, more, columnsOf, tableDialect(dialect));
    const { target, existing, columns, missing } = plan;
    const table = { target, sql, columns };
    if (missing.length === 0) return table;
    const statements =
      existing.length === 0
        ? [await createSql(warehouse, session, table, { definitions: missing, like })]
        : dialect.addColumns(sql, missing);
    try {
      for (const statement of statements) await session.query(statement);
      return table;
    } catch (error) {
      if (attempts >= attemptsMax) throw error;
    }
  }
}

/** `definitions`: of columns, each quoted. `like`: the table of the target's schema whose place the new one is to take; null: none. */
export async function createSql(
  warehouse: Warehouse,
  session: WarehouseSession,
  table: Table,
  { definitions, like }: { readonly definitions: readonly string[]; readonly like: string | null },
): Promise<string> {
  const { schema } = table.target;
  const options =
    like === null ? null : await warehouse.optionsOf?.(session, schema, like, definitions);
  return `CREATE TABLE ${table.sql} (${definitions.join(', ')}) ${options ?? optionsSql(warehouse, table)}`;
}

function optionsSql(warehouse: Warehouse, table: Table): string {
  const key = keyColumns(table);
  return warehouse.tableOptions(
    key.map(({ name }) => warehouse.dialect.quote(name)),
    key.map(({ type }) => type),
  );
}

/** Of a stream without dedup none. */
export const keyColumns = ({ target, columns }: Pick<Table, 'target' | 'columns'>): Column[] =>
  (target.dedupBy ?? []).map((field) => columns.find((column) => column.field === field)!);
