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
  const columnsOf = (table: string) => ledger.tableColumns(given.schema, table);
  for (let attempts = 1; ; attempts += 1) {
    const plan = await planTable(given, more, columnsOf, tableDialect(dialect));
    const { target, existing, columns, missing } = plan;
    const table = { target, sql, columns };
    if (missing.length === 0) return table;
    const statements =
      existing.length === 0
        ? [createSql(warehouse, table, missing)]
        : dialect.addColumns(sql, missing);
    try {
      for (const statement of statements) await session.query(statement);
      return table;
    } catch (error) {
      if (attempts >= attemptsMax) throw error;
    }
  }
}

/** `definitions`: of columns, each quoted. */
export function createSql(
  warehouse: Warehouse,
  table: Table,
  definitions: readonly string[],
): string {
  const key = keyColumns(table);
  const options = warehouse.tableOptions(
    key.map(({ name }) => warehouse.dialect.quote(name)),
    key.map(({ type }) => type),
  );
  return `CREATE TABLE ${table.sql} (${definitions.join(', ')}) ${options}`;
}

/** Of a stream without dedup none. */
export const keyColumns = ({ target, columns }: Pick<Table, 'target' | 'columns'>): Column[] =>
  (target.dedupBy ?? []).map((field) => columns.find((column) => column.field === field)!);
