import type { Epoch } from '../../../protocol/index.ts';
import { shortHash } from '../identifiers.ts';
import type { Numbers } from '../rows/observe.ts';
import type { Digits } from '../rows/numerals.ts';
import type { Table } from '../tables.ts';
import type { WarehouseLedger } from './ledger.ts';
import { replace } from './replace.ts';
import { createSql } from './tables.ts';
import { transaction } from './transaction.ts';
import type { Warehouse, WarehouseDialect, WarehouseSession } from './warehouse.ts';

// A column of numbers whose type would lose one gets a wider type. Warehouses can't alter types like these, so the table is written anew: planned when such a
// number is read, done by the commit that brings it.

/** Of the table as it is. Without it BigQuery takes a column that is called as its table is for the whole row: cloud.google.com/bigquery/docs/schemas#column_names */
const old = '_tidemark_old';

/** A stream's table as it is, and the types that columns are to have, by name. */
export interface Shape {
  readonly table: Table;
  readonly planned: ReadonlyMap<string, string>;
  /** By column, the digits of all numbers that were read for it: what is staged already must fit too. */
  readonly seen: ReadonlyMap<string, Digits>;
}

/** The table as it is to be. */
export function plannedTable({ table, planned }: Shape): Table {
  const columns = table.columns.map((column) => ({
    ...column,
    type: planned.get(column.name) ?? column.type,
  }));
  return planned.size === 0 ? table : { ...table, columns };
}

/** A wider type that a column could have. */
export interface Wish {
  readonly name: string;
  readonly wider: string;
  /** A query that has a row where a value of the table would be lost; null: none can be. */
  readonly losing: string | null;
}

/** The shape that has seen these numbers, and what columns would have to become for them. */
export function seeing(
  { cells, quote, losesWidened }: WarehouseDialect,
  shape: Shape,
  numbers: readonly Numbers[],
): { readonly shape: Shape; readonly wishes: readonly Wish[] } {
  const seen = new Map(shape.seen);
  const wishes: Wish[] = [];
  for (const { column, digits, isTight } of numbers) {
    const { name } = column;
    const all = widest(seen.get(name), digits);
    seen.set(name, all);
    const wider = isTight ? cells.widerType(column.type, all) : null;
    const own = shape.table.columns.find((one) => one.name === name);
    if (wider === null || own === undefined) continue;
    const loses = losesWidened(quote(name), own.type, wider);
    const losing =
      loses === null
        ? null
        : `SELECT 1 AS lost FROM ${shape.table.sql} AS ${old} WHERE ${loses} LIMIT 1`;
    wishes.push({ name, wider, losing });
  }
  return { shape: { ...shape, seen }, wishes };
}

const widest = (a: Digits | undefined, b: Digits): Digits => ({
  whole: Math.max(a?.whole ?? 0, b.whole),
  scale: Math.max(a?.scale ?? 0, b.scale),
});

const hashLength = 16;

/** Tables that are to be a target's, with wider columns, begin so and end in an epoch. */
export const widePrefix = (schema: string, table: string): string =>
  `_tidemark_wide_${shortHash(JSON.stringify([schema, table]), hashLength)}_`;

/** Writes the table anew with the types that are planned. Invariant 3: under the fence. Nobody may give it columns meanwhile. */
export async function widen(
  warehouse: Warehouse,
  session: WarehouseSession,
  options: {
    readonly ledger: WarehouseLedger;
    readonly epoch: Epoch;
    readonly abort: AbortSignal;
  },
  { table, planned }: Shape,
): Promise<void> {
  const { dialect } = warehouse;
  const { ledger, epoch, abort } = options;
  const { schema, table: name, hidden, generation, stream } = table.target;
  const from = `${widePrefix(schema, name)}${epoch.syncNo}_${epoch.at}`;
  const to = hidden ?? name;
  const wide = { ...table, sql: dialect.table(schema, from) };
  const columns = (await ledger.tableColumns(schema, to)).map((column) => ({
    quoted: dialect.quote(column.name),
    type: column.type,
    wider: planned.get(column.name) ?? column.type,
  }));
  await ledger.dropTable(schema, from);
  await session.query(
    await createSql(warehouse, session, wide, {
      definitions: columns.map(({ quoted, wider }) => `${quoted} ${wider}`),
      like: to,
    }),
  );
  const values = columns.map(({ quoted, type, wider }) =>
    wider === type ? quoted : dialect.widened(quoted, type, wider),
  );
  const replacement = { schema, table: name, from, to, generation };
  await transaction(warehouse, session, abort, async () => {
    await ledger.prove(epoch, [stream]);
    await session.query(
      `INSERT INTO ${wide.sql} (${columns.map(({ quoted }) => quoted).join(', ')}) SELECT ${values.join(', ')} FROM ${table.sql} AS ${old}`,
    );
    await ledger.owners.replacing(replacement);
  });
  await replace(warehouse, session, ledger, replacement);
}

/** The shape by now, after the table has got the types that were planned once. */
export function afterWidening(shape: Shape, done: ReadonlyMap<string, string>): Shape {
  const table = plannedTable({ ...shape, planned: done });
  const planned = new Map([...shape.planned].filter(([name, type]) => done.get(name) !== type));
  return { ...shape, table, planned };
}
