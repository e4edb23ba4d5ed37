import {
  canonical,
  copyTextFieldsMax,
  isObject,
  type ConfiguredStream,
  type JsonObject,
} from '../../../protocol/index.ts';
import { quoteIdentifier } from '../../kit/identifiers.ts';
import { cursorColumn } from '../../kit/tables-source/cursor.ts';
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
  /** A row as the fields of `pg-copy-text`, expressions; null: it can't be written so. */
  readonly fields: readonly string[] | null;
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
  const isIncremental = configured.sync_mode === 'incremental';
  const cursor = isIncremental ? cursorOf(relation, configured.cursor_field ?? []) : null;
  return { ...wholeSelectionOf(relation, configured), cursor };
}

/** A field that a stream has beside the columns of its relation. `sql`: an expression. */
export interface MoreField {
  readonly name: string;
  readonly sql: string;
  readonly schema: JsonObject;
}

/** It is read in full, whatever its sync mode. */
export function wholeSelectionOf(
  relation: Relation,
  configured: ConfiguredStream,
  more: readonly MoreField[] = [],
): Selection {
  const { json_schema: schema } = configured.stream;
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const columns = relation.columns.filter(({ name }) => Object.hasOwn(properties, name));
  return {
    relation,
    json: jsonOf(columns, more),
    fields: fieldsOf(properties, columns, more),
    cursor: null,
    key: relation.key.map(columnSql),
  };
}

function jsonOf(columns: readonly Column[], more: readonly MoreField[]): string {
  const values = [
    ...columns.map(({ name, value }) => ({ name, sql: value(columnSql(name)) })),
    ...more,
  ].map(({ name, sql }) => `${sql} AS ${quoteIdentifier(name)}`);
  const row = `(SELECT row_to_json(r) FROM (SELECT ${values.join(', ')}) AS r)`;
  // Strings have their newlines escaped: those that are left stand between tokens.
  return columns.some(({ isLoose }) => isLoose) ? `translate(${row}::text, E'\\n\\r', '  ')` : row;
}

/** null: there is no field, there are too many, or one that is not as the schema says (which may be older than the table). */
function fieldsOf(
  properties: JsonObject,
  columns: readonly Column[],
  more: readonly MoreField[],
): readonly string[] | null {
  const known = new Map(
    [
      ...columns.map(({ name, schema, field }) => ({ name, schema, sql: field(columnSql(name)) })),
      ...more,
    ].map((one) => [one.name, one]),
  );
  const fields = Object.entries(properties).map(([name, schema]) => {
    const found = known.get(name);
    return found !== undefined && canonical(found.schema) === canonical(schema) ? found.sql : null;
  });
  const isFit = fields.length > 0 && fields.length <= copyTextFieldsMax && !fields.includes(null);
  return isFit ? (fields as readonly string[]) : null;
}

function cursorOf({ schema, name: table, columns }: Relation, path: readonly string[]): Cursor {
  const { cursor, name, isNotNull } = cursorColumn(`${schema}.${table}`, columns, path);
  const sql = columnSql(name);
  const placed =
    cursor.end === null ? `${sql} IS NOT NULL` : `${sql} < ${cursor.end}::${cursor.sql}`;
  return { ...cursor, name, column: sql, placed, isAlwaysPlaced: cursor.end === null && isNotNull };
}
