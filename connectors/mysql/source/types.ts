import type { JsonObject } from '../../../protocol/index.ts';
import { quoteLiteral } from '../../kit/identifiers.ts';

/** A column as information_schema has it. */
export interface ColumnRow {
  /** `DATA_TYPE`, lower case. */
  readonly type: string;
  /** `COLUMN_TYPE`, with its width and marks. */
  readonly whole: string;
  readonly precision: number;
  readonly scale: number;
  /** MariaDB: a text with a check that it is JSON. */
  readonly isJson: boolean;
}

/** How values of a type are written into a state, and compared there. `of`: the column. */
export interface Order {
  /** What is compared. An index is used where it is the column itself. */
  by(this: void, of: string): string;
  /** Its exact text. */
  text(this: void, of: string): string;
  /** A literal of such a text; null: it is none. Nothing else may get into a statement. */
  literal(this: void, text: string): string | null;
}

export interface CursorType extends Order {
  /** A look-back of that kind can be taken from it. */
  readonly of: 'time' | 'number';
  /** A text, less an amount: seconds of times, a difference of numbers; an expression whose text is of the same kind. */
  less(this: void, literal: string, amount: string): string;
}

export interface ColumnType {
  /** JSON schema, with null beside it. */
  readonly schema: JsonObject;
  /** JSON of a value that is not null. `of`: the column. */
  json(this: void, of: string): string;
  /** Whether a value is a date that is none (`0000-00-00`), which becomes null; null: there are no such. */
  readonly isZero: ((of: string) => string) | null;
  /** null: keys that hold it are of no use. */
  readonly order: Order | null;
  /** null: it is no cursor. */
  readonly cursor: CursorType | null;
}

const nullable = (type: string, more: JsonObject = {}): JsonObject => ({
  type: ['null', type],
  ...more,
});

const matching =
  (pattern: RegExp, literal: (text: string) => string) =>
  (text: string): string | null =>
    pattern.test(text) ? literal(text) : null;
const same = (of: string): string => of;

const number: Order = {
  by: same,
  text: (of) => `CAST(${of} AS CHAR)`,
  // As it stands: a text would be compared as a float.
  literal: matching(/^-?\d{1,65}(?:\.\d{1,38})?$/, same),
};
/** By its number: as a text it would be compared with texts. */
const byNumber: Order = {
  ...number,
  by: (of) => `(${of} + 0)`,
  text: (of) => `CAST(${of} + 0 AS CHAR)`,
};
const textOrder: Order = {
  by: same,
  text: (of) => `CONVERT(${of} USING utf8mb4)`,
  // In the column's collation, whose claim is the stronger one.
  literal: (text) => quoteLiteral(text),
};
const bytesOrder: Order = {
  by: same,
  text: (of) => `HEX(${of})`,
  literal: matching(/^(?:[0-9A-F]{2})*$/, (text) => `x'${text}'`),
};
const timeOrder: Order = {
  by: same,
  text: (of) => `CAST(${of} AS CHAR)`,
  literal: matching(/^-?[0-9: .-]{5,30}$/, quoteLiteral),
};

const timeCursor = (result: string): CursorType => ({
  ...timeOrder,
  of: 'time',
  less: (literal, amount) =>
    `CAST(CAST(CAST(${literal} AS DATETIME(6)) - INTERVAL ${amount} SECOND AS ${result}) AS CHAR)`,
});
const numberCursor = (round: (of: string) => string): CursorType => ({
  ...number,
  of: 'number',
  less: (literal, amount) => `CAST(${round(`${literal} - ${amount}`)} AS CHAR)`,
});

function plain(schema: JsonObject, json: (of: string) => string): ColumnType {
  return { schema, json, isZero: null, order: null, cursor: null };
}

const base64 = (of: string): string => `CONCAT('"', REPLACE(TO_BASE64(${of}), '\n', ''), '"')`;
const quoted = (of: string): string => `JSON_QUOTE(CONVERT(${of} USING utf8mb4))`;
const bytes = plain(nullable('string', { contentEncoding: 'base64' }), base64);
const text = plain(nullable('string'), quoted);
const float = plain(nullable('number'), (of) => `(${of} + 0e0)`);
const anyJson: JsonObject = { type: ['null', 'object', 'array', 'string', 'number', 'boolean'] };

/** `+ 0`: without the zeros that ZEROFILL puts before it. */
const integer = (more: JsonObject = {}): ColumnType => ({
  ...plain(nullable('integer', more), (of) => `(${of} + 0)`),
  order: number,
  cursor: numberCursor((of) => `CEIL(${of})`),
});

/** Digits that fit 64 bits whatever they are. */
const bigintDigits = 18;

function decimal(precision: number, scale: number): ColumnType {
  const json = (of: string): string => `(${of} + 0)`;
  const more = { order: number, cursor: numberCursor(same) };
  if (scale > 0) return { ...plain(nullable('number'), json), ...more };
  const isBig = precision > bigintDigits;
  const schema = nullable('integer', isBig ? { airbyte_type: 'big_integer' } : {});
  return { ...plain(schema, json), ...more };
}

const dated = (schema: JsonObject, json: (of: string) => string, result: string): ColumnType => ({
  ...plain(schema, json),
  // A day of the year 0 is one.
  isZero: (of) => `(MONTH(${of}) = 0 OR DAYOFMONTH(${of}) = 0)`,
  order: timeOrder,
  cursor: timeCursor(result),
});
const iso = (of: string, zone: string): string =>
  `CONCAT('"', REPLACE(${of}, ' ', 'T'), '${zone}"')`;
const dateTime = (airbyteType: string): JsonObject =>
  nullable('string', { format: 'date-time', airbyte_type: airbyteType });

const known: ReadonlyMap<string, ColumnType> = new Map<string, ColumnType>([
  ['tinyint', integer()],
  ['smallint', integer()],
  ['mediumint', integer()],
  ['int', integer()],
  ['bigint', integer()],
  ['year', { ...plain(nullable('integer'), (of) => `(${of} + 0)`), order: byNumber }],
  ['float', float],
  ['double', float],
  [
    'date',
    dated(nullable('string', { format: 'date' }), (of) => `CONCAT('"', ${of}, '"')`, 'DATE'),
  ],
  ['datetime', dated(dateTime('timestamp_without_timezone'), (of) => iso(of, ''), 'DATETIME(6)')],
  // The session's time zone is UTC.
  ['timestamp', dated(dateTime('timestamp_with_timezone'), (of) => iso(of, 'Z'), 'DATETIME(6)')],
  // A duration, also below zero and above a day: no time of day.
  ['time', { ...plain(nullable('string'), (of) => `CONCAT('"', ${of}, '"')`), order: timeOrder }],
  ['char', { ...text, order: textOrder }],
  ['varchar', { ...text, order: textOrder }],
  // MariaDB's: a text that is compared with them becomes one.
  ...['uuid', 'inet4', 'inet6'].map((type) => [type, { ...text, order: textOrder }] as const),
  ['enum', { ...text, order: byNumber }],
  ['binary', { ...bytes, order: bytesOrder }],
  ['varbinary', { ...bytes, order: bytesOrder }],
  ...['tinyblob', 'blob', 'mediumblob', 'longblob', 'vector'].map((type) => [type, bytes] as const),
  ['json', plain(anyJson, (of) => `CAST(${of} AS CHAR)`)],
  ...[
    ...['geometry', 'point', 'linestring', 'polygon', 'multipoint', 'multilinestring'],
    ...['multipolygon', 'geometrycollection', 'geomcollection'],
  ].map(
    (type) => [type, plain(nullable('string'), (of) => `JSON_QUOTE(ST_AsText(${of}))`)] as const,
  ),
]);

/** Types that are not known are texts as the server writes them, such as `set`. */
export function columnType({ type, whole, precision, scale, isJson }: ColumnRow): ColumnType {
  // Newlines of JSON stand between its tokens.
  if (isJson) return plain(anyJson, (of) => `REPLACE(REPLACE(${of}, '\n', ' '), '\r', ' ')`);
  if (type === 'decimal') return decimal(precision, scale);
  if (type === 'bigint' && whole.includes('unsigned'))
    return integer({ airbyte_type: 'big_integer' });
  if (type === 'bit')
    return whole === 'bit(1)'
      ? plain(nullable('boolean'), (of) => `IF(${of} = 1, 'true', 'false')`)
      : { ...plain(nullable('string', { contentEncoding: 'base64' }), base64), order: byNumber };
  return known.get(type) ?? text;
}
