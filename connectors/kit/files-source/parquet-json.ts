import {
  DuckDBArrayType,
  type DuckDBArrayValue,
  type DuckDBBlobValue,
  DuckDBListType,
  type DuckDBListValue,
  DuckDBMapType,
  type DuckDBMapValue,
  DuckDBStructType,
  type DuckDBStructValue,
  type DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTypeId,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import type { Kind } from './kinds.ts';

/** A value as JSON text that says it exactly. */
export type JsonWriter = (value: DuckDBValue) => string;

const digits: JsonWriter = (value) => String(value);
const quoted: JsonWriter = (value) => JSON.stringify(String(value));
const iso = (value: DuckDBValue): string => String(value).replace(/^(\d+-\d\d-\d\d) (?=\d)/, '$1T');

/** How values of a type are written. What JSON has no word for is a string: times in ISO 8601, bytes in base64, NaN and Infinity by name. */
export function writerOf(type: DuckDBType): JsonWriter {
  const write = writerOfType(type);
  return (value) => (value === null || value === undefined ? 'null' : write(value));
}

function writerOfType(type: DuckDBType): JsonWriter {
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    const write = writerOf(type.valueType);
    return (value) =>
      `[${(value as DuckDBListValue | DuckDBArrayValue).items.map(write).join(',')}]`;
  }
  if (type instanceof DuckDBStructType) return structWriter(type);
  if (type instanceof DuckDBMapType) return mapWriter(type);
  if (type.typeId === DuckDBTypeId.BLOB)
    return (value) => `"${Buffer.from((value as DuckDBBlobValue).bytes).toString('base64')}"`;
  if (type.typeId === DuckDBTypeId.DOUBLE) return (value) => finite(value as number, String);
  if (type.typeId === DuckDBTypeId.FLOAT) return (value) => finite(value as number, shortestSingle);
  const kind = kindOfType(type);
  if (kind === 'timestamp') return (value) => `"${iso(value)}"`;
  if (kind === 'timestamptz') return (value) => `"${utc(value as DuckDBTimestampTZValue)}"`;
  return exactKinds.includes(kind) ? digits : quoted;
}

/** Whose text in DuckDB is JSON. */
const exactKinds: readonly Kind[] = ['boolean', 'integer', 'big_integer', 'number'];

function structWriter(type: DuckDBStructType): JsonWriter {
  const members = type.entryNames.map((name, i) => ({
    name,
    key: `${JSON.stringify(name)}:`,
    write: writerOf(type.entryTypes[i]!),
  }));
  return (value) => {
    const { entries } = value as DuckDBStructValue;
    return `{${members.map(({ name, key, write }) => key + write(entries[name] ?? null)).join(',')}}`;
  };
}

function mapWriter(type: DuckDBMapType): JsonWriter {
  const write = writerOf(type.valueType);
  return (value) => {
    const members = (value as DuckDBMapValue).entries.map(
      (entry) => `${quoted(entry.key)}:${write(entry.value)}`,
    );
    return `{${members.join(',')}}`;
  };
}

function finite(value: number, write: (value: number) => string): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? '-0' : write(value);
}

/** Enough digits to tell a single from its neighbours. */
const singleDigitsMax = 9;

/** As a double a single has digits that nobody wrote: 0.1 would read 0.10000000149011612. */
function shortestSingle(value: number): string {
  for (let count = 1; count < singleDigitsMax; count += 1) {
    const text = value.toPrecision(count);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(singleDigitsMax)));
}

function utc({ micros }: DuckDBTimestampTZValue): string {
  const text = iso(new DuckDBTimestampValue(micros));
  return /^\d+-/.test(text) ? `${text}Z` : text;
}

const kinds: ReadonlyMap<DuckDBTypeId, Kind> = new Map([
  [DuckDBTypeId.BOOLEAN, 'boolean'],
  [DuckDBTypeId.TINYINT, 'integer'],
  [DuckDBTypeId.SMALLINT, 'integer'],
  [DuckDBTypeId.INTEGER, 'integer'],
  [DuckDBTypeId.BIGINT, 'integer'],
  [DuckDBTypeId.UTINYINT, 'integer'],
  [DuckDBTypeId.USMALLINT, 'integer'],
  [DuckDBTypeId.UINTEGER, 'integer'],
  [DuckDBTypeId.UBIGINT, 'big_integer'],
  [DuckDBTypeId.HUGEINT, 'big_integer'],
  [DuckDBTypeId.UHUGEINT, 'big_integer'],
  [DuckDBTypeId.FLOAT, 'number'],
  [DuckDBTypeId.DOUBLE, 'number'],
  [DuckDBTypeId.DECIMAL, 'number'],
  [DuckDBTypeId.DATE, 'date'],
  [DuckDBTypeId.TIMESTAMP, 'timestamp'],
  [DuckDBTypeId.TIMESTAMP_S, 'timestamp'],
  [DuckDBTypeId.TIMESTAMP_MS, 'timestamp'],
  [DuckDBTypeId.TIMESTAMP_NS, 'timestamp'],
  [DuckDBTypeId.TIMESTAMP_TZ, 'timestamptz'],
  [DuckDBTypeId.LIST, 'array'],
  [DuckDBTypeId.ARRAY, 'array'],
  [DuckDBTypeId.STRUCT, 'object'],
  [DuckDBTypeId.MAP, 'object'],
]);

/** The kind of a column of a type; of what JSON has no type for, string. */
export const kindOfType = ({ typeId }: DuckDBType): Kind => kinds.get(typeId) ?? 'string';
