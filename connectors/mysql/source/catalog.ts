import type { Catalog, Stream } from '../../../protocol/index.ts';
import { quoteLiteral } from '../../kit/identifiers.ts';
import { loginOf } from '../config.ts';
import type { MysqlSourceConfig } from './config.ts';
import type { Session } from './session.ts';
import { columnType, type ColumnType } from './types.ts';

export interface Column extends ColumnType {
  readonly name: string;
  readonly isNotNull: boolean;
}

/** A table or a view, with the columns that the user may read. */
export interface Table {
  readonly database: string;
  readonly name: string;
  readonly columns: readonly Column[];
  /** Columns that tell its rows apart, none of them null: the primary key, else a unique one. Empty: none. */
  readonly key: readonly Column[];
}

/** Which tables: of these databases (null: all but the system's), and of this name (null: all). */
interface Wanted {
  readonly databases: readonly string[] | null;
  readonly name: string | null;
}

const systemDatabases = ['information_schema', 'mysql', 'performance_schema', 'sys'];

/** Without Tidemark's own. */
export function findTables(session: Session, config: MysqlSourceConfig): Promise<readonly Table[]> {
  return tables(session, { databases: databasesOf(config), name: null });
}

/** null: there is none that may be read. */
export async function findTable(
  session: Session,
  database: string,
  name: string,
): Promise<Table | null> {
  const found = await tables(session, { databases: [database], name });
  return found.find((table) => table.name === name) ?? null;
}

/** null: all but the system's. */
export function databasesOf(config: MysqlSourceConfig): readonly string[] | null {
  const { database } = loginOf(config, 'source');
  return config.databases ?? (database === null ? null : [database]);
}

async function tables(session: Session, wanted: Wanted): Promise<readonly Table[]> {
  const columns = await session.query(`
    SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, LOWER(c.DATA_TYPE), LOWER(c.COLUMN_TYPE),
      c.IS_NULLABLE, c.NUMERIC_PRECISION, c.NUMERIC_SCALE
    FROM information_schema.COLUMNS c JOIN information_schema.TABLES t
      ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
    WHERE ${conditionOf(wanted, 'c')} AND c.PRIVILEGES LIKE '%select%'
      AND t.TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
    ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION`);
  const json = await jsonColumns(session, wanted);
  const byTable = new Map<string, { database: string; name: string; columns: Column[] }>();
  for (const [
    database = '',
    name = '',
    column = '',
    type,
    whole,
    nulls,
    digits,
    scale,
  ] of columns) {
    const id = idOf(database!, name!);
    const table = byTable.get(id) ?? { database: database!, name: name!, columns: [] };
    byTable.set(id, table);
    table.columns.push({
      ...columnType({
        ...{
          type: type ?? '',
          whole: whole ?? '',
          precision: Number(digits),
          scale: Number(scale),
        },
        isJson: json.has(idOf(id, column!)),
      }),
      ...{ name: column!, isNotNull: nulls === 'NO' },
    });
  }
  const keys = await keysOf(session, wanted);
  return [...byTable].map(([id, table]) => ({
    ...table,
    key: keyOf(table.columns, keys.get(id) ?? []),
  }));
}

const idOf = (...names: readonly string[]): string => JSON.stringify(names);

function conditionOf({ databases, name }: Wanted, of: string): string {
  const schema = `${of}.TABLE_SCHEMA`;
  const list = (names: readonly string[]): string => names.map(quoteLiteral).join(', ');
  return [
    databases === null
      ? `${schema} NOT IN (${list(systemDatabases)})`
      : `${schema} IN (${list(databases)})`,
    ...(name === null ? [] : [`${of}.TABLE_NAME = ${quoteLiteral(name)}`]),
    `${of}.TABLE_NAME NOT LIKE '^_tidemark^_%' ESCAPE '^'`,
  ].join(' AND ');
}

/** MariaDB's JSON is a text with a check of the column's own name. */
async function jsonColumns(session: Session, wanted: Wanted): Promise<ReadonlySet<string>> {
  if (!session.isMariadb) return new Set();
  const schemas =
    wanted.databases === null
      ? ''
      : `CONSTRAINT_SCHEMA IN (${wanted.databases.map(quoteLiteral).join(', ')}) AND`;
  const rows = await session.query(`
    SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME FROM information_schema.CHECK_CONSTRAINTS
    WHERE ${schemas} REPLACE(LOWER(CHECK_CLAUSE), '"', '\`') = CONCAT('json_valid(\`', LOWER(CONSTRAINT_NAME), '\`)')`);
  return new Set(rows.map(([database, table, column]) => idOf(idOf(database!, table!), column!)));
}

type Key = readonly string[];

/** Unique indexes of whole columns, the primary key first. */
async function keysOf(
  session: Session,
  wanted: Wanted,
): Promise<ReadonlyMap<string, readonly Key[]>> {
  const rows = await session.query(`
    SELECT s.TABLE_SCHEMA, s.TABLE_NAME, s.INDEX_NAME, s.COLUMN_NAME, s.SUB_PART
    FROM information_schema.STATISTICS s
    WHERE ${conditionOf(wanted, 's')} AND s.NON_UNIQUE = 0
    ORDER BY s.TABLE_SCHEMA, s.TABLE_NAME, s.INDEX_NAME <> 'PRIMARY', s.INDEX_NAME, s.SEQ_IN_INDEX`);
  const keys = new Map<string, Map<string, (string | null)[]>>();
  for (const [database, table, index, column, part] of rows) {
    const id = idOf(database!, table!);
    const ofTable = keys.get(id) ?? new Map<string, (string | null)[]>();
    keys.set(id, ofTable);
    // null: the beginning of a column, or an expression.
    const names = [...(ofTable.get(index!) ?? []), part === null ? (column ?? null) : null];
    ofTable.set(index!, names);
  }
  return new Map(
    [...keys].map(([id, ofTable]) => [
      id,
      [...ofTable.values()].filter((names): names is string[] => !names.includes(null)),
    ]),
  );
}

function keyOf(columns: readonly Column[], keys: readonly Key[]): readonly Column[] {
  const byName = new Map(columns.map((column) => [column.name, column]));
  for (const names of keys) {
    const key = names.map((name) => byName.get(name));
    if (key.every((column) => column?.isNotNull === true)) return key as Column[];
  }
  return [];
}

/** In the order of its key, a reading goes on where it stopped. */
export const isOrdered = ({ key }: Pick<Table, 'key'>): boolean =>
  key.length > 0 && key.every(({ order }) => order !== null);

export function catalogOf(found: readonly Table[]): Catalog {
  return { streams: found.map(streamOf) };
}

function streamOf(table: Table): Stream {
  const { database, name, columns, key } = table;
  const hasCursor = columns.some(({ cursor }) => cursor !== null);
  return {
    name,
    namespace: database,
    json_schema: {
      type: 'object',
      // Not assigned one by one: a column may be called __proto__.
      properties: Object.fromEntries(columns.map((column) => [column.name, column.schema])),
    },
    supported_sync_modes: hasCursor ? ['full_refresh', 'incremental'] : ['full_refresh'],
    source_defined_cursor: false,
    ...(key.length > 0 && { source_defined_primary_key: key.map((column) => [column.name]) }),
    is_resumable: isOrdered(table),
  };
}
