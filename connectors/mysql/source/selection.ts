import { isObject, type ConfiguredStream } from '../../../protocol/index.ts';
import { quoteIdentifier, quoteLiteral } from '../../kit/identifiers.ts';
import { refusalsOf } from '../../kit/refuse-config.ts';
import { cursorColumn } from '../../kit/tables-source/cursor.ts';
import { isOrdered, type Column, type Table } from './catalog.ts';
import type { CursorType, Order } from './types.ts';

/** A column within a statement, and how its values are compared there. */
export interface Ordered extends Order {
  readonly name: string;
  /** The column itself. */
  readonly column: string;
}
export interface Cursor extends CursorType {
  readonly name: string;
  readonly column: string;
  readonly isNotNull: boolean;
}

/** What is read of a table. */
export interface Selection {
  readonly from: string;
  /** A row as JSON without newlines; NULL: the server can't write it. */
  readonly json: string;
  /** How many dates of a row became null because they are none. */
  readonly zeros: string;
  /** null: it is read in full. */
  readonly cursor: Cursor | null;
  /** Empty: it has no order to go on by. */
  readonly key: readonly Ordered[];
}

const columnSql = (name: string): string => `s.${quoteIdentifier(name)}`;

/** Those of the catalog's columns that are still there; throws what is wrong with the cursor. */
export function selectionOf(table: Table, configured: ConfiguredStream): Selection {
  const { json_schema: schema } = configured.stream;
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const columns = table.columns.filter(({ name }) => Object.hasOwn(properties, name));
  const isIncremental = configured.sync_mode === 'incremental';
  const dates = columns.flatMap(({ name, isZero }) =>
    isZero === null ? [] : [isZero(columnSql(name))],
  );
  return {
    from: `${quoteIdentifier(table.database)}.${quoteIdentifier(table.name)} AS s`,
    json: rowJson(columns),
    zeros: dates.length === 0 ? '0' : dates.map((one) => `IFNULL(${one}, 0)`).join(' + '),
    cursor: isIncremental ? cursorOf(table, configured.cursor_field ?? []) : null,
    key: isOrdered(table)
      ? table.key.map(({ name, order }) => ({ ...order!, name, column: columnSql(name) }))
      : [],
  };
}

/**
 * The server writes the JSON: no value of it is decoded on the way. What is not null and can't be written (larger than max_allowed_packet)
 * makes the whole row NULL, never a null in it.
 */
function rowJson(columns: readonly Column[]): string {
  if (columns.length === 0) return `'{}'`;
  const members = columns.map(({ name, json, isZero }, i) => {
    const column = columnSql(name);
    const isNull = isZero === null ? `${column} IS NULL` : `${column} IS NULL OR ${isZero(column)}`;
    const head = quoteLiteral(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`);
    return `${head}, IF(${isNull}, 'null', ${json(column)})`;
  });
  return `CONCAT(${members.join(', ')}, '}')`;
}

function cursorOf({ database, name: table, columns }: Table, path: readonly string[]): Cursor {
  const { cursor, name, isNotNull } = cursorColumn(`${database}.${table}`, columns, path);
  return { ...cursor, name, column: columnSql(name), isNotNull };
}

/** A statement's literal of a state's text. Throws where it is none: a state may come from anywhere. */
export function literalOf(
  { literal, name }: Ordered | Cursor,
  text: string,
  stream: string,
): string {
  const sql = literal(text);
  if (sql !== null) return sql;
  throw refusalsOf('source')(
    'A value in the state of a stream is not one of its column.',
    `stream ${stream}: ${name}`,
    'Read it from its start: tidemark refresh <connection> with this stream.',
    stream,
  );
}

/** Rows whose columns come after (`>`) or not after (`<=`) these values, written so that an index is used. */
export function comparison(
  columns: readonly Pick<Ordered, 'by' | 'column'>[],
  operator: '>' | '<=',
  literals: readonly string[],
): string {
  const strict = operator === '>' ? '>' : '<';
  const terms = columns.map((one, i) => {
    const equal = columns
      .slice(0, i)
      .map((before, j) => `${before.by(before.column)} = ${literals[j]}`);
    const last = i === columns.length - 1 ? operator : strict;
    return `(${[...equal, `${one.by(one.column)} ${last} ${literals[i]}`].join(' AND ')})`;
  });
  const [first] = columns;
  const bound = `${first!.by(first!.column)} ${strict}= ${literals[0]}`;
  return `${bound} AND (${terms.join(' OR ')})`;
}

/** By the columns themselves, whose order is that of what is compared: so that an index is used. */
export const orderBy = (columns: readonly Pick<Ordered, 'column'>[], way = 'ASC'): string =>
  columns.map(({ column }) => `${column} ${way}`).join(', ');
