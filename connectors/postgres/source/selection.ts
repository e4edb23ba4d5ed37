import { isObject, type ConfiguredStream } from '../../../protocol/index.ts';
import { quoteIdentifier } from '../../kit/identifiers.ts';
import { refusalsOf } from '../../kit/refuse-config.ts';
import type { Column, Relation } from './catalog.ts';
import type { CursorType } from './types.ts';

/** The table's name within a statement. */
const table = 's';

export interface Cursor extends CursorType {
  readonly name: string;
  /** The column within a statement. */
  readonly column: string;
  /** Whether a row has a place in the order: neither null nor beyond all order. */
  readonly placed: string;
  /** Every row has. */
  readonly isAlwaysPlaced: boolean;
}

/** What is read of a relation. */
export interface Selection {
  readonly relation: Relation;
  /** A row as JSON without newlines. */
  readonly json: string;
  /** null: it is read in full. */
  readonly cursor: Cursor | null;
  /** Columns of the primary key within a statement. */
  readonly key: readonly string[];
}

export const relationSql = ({ schema, name }: { schema: string; name: string }): string =>
  `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
export const fromSql = (from: string): string => `${from} AS ${table}`;
const columnSql = (name: string): string => `${table}.${quoteIdentifier(name)}`;

/** Those of the catalog's columns that are still there; throws what is wrong with the cursor. */
export function selectionOf(relation: Relation, configured: ConfiguredStream): Selection {
  const { json_schema: schema } = configured.stream;
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const columns = relation.columns.filter(({ name }) => Object.hasOwn(properties, name));
  const isIncremental = configured.sync_mode === 'incremental';
  return {
    relation,
    json: jsonOf(columns),
    cursor: isIncremental ? cursorOf(relation, configured.cursor_field ?? []) : null,
    key: relation.key.map(columnSql),
  };
}

function jsonOf(columns: readonly Column[]): string {
  const values = columns.map(
    ({ name, value }) => `${value(columnSql(name))} AS ${quoteIdentifier(name)}`,
  );
  const row = `(SELECT row_to_json(r) FROM (SELECT ${values.join(', ')}) AS r)`;
  // Strings have their newlines escaped: those that are left stand between tokens.
  return columns.some(({ isLoose }) => isLoose) ? `translate(${row}::text, E'\\n\\r', '  ')` : row;
}

function cursorOf(relation: Relation, path: readonly string[]): Cursor {
  const stream = `${relation.schema}.${relation.name}`;
  const refuse = refusalsOf('source');
  const [name = ''] = path;
  const column = relation.columns.find((one) => one.name === name);
  const good = relation.columns.filter(({ cursor }) => cursor !== null).map((one) => one.name);
  const remedy =
    good.length === 0
      ? 'Read it in full: sync_mode: full_refresh.'
      : `Choose one whose values rise with each change, of: ${good.slice(0, 20).join(', ')}; or read it in full: sync_mode: full_refresh.`;
  const place = `stream ${stream}: cursor_field ${path.join('.')}`;
  if (column === undefined || path.length !== 1)
    throw refuse('The cursor is no column of the stream.', place, remedy, stream);
  if (column.cursor === null)
    throw refuse('The cursor has a type without an order to read by.', place, remedy, stream);
  const sql = columnSql(name);
  const { end } = column.cursor;
  const placed = end === null ? `${sql} IS NOT NULL` : `${sql} < ${end}::${column.cursor.sql}`;
  const isAlwaysPlaced = end === null && column.isNotNull;
  return { ...column.cursor, name, column: sql, placed, isAlwaysPlaced };
}
