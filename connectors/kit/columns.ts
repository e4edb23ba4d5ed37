import { isObject, type Json, type JsonObject } from '../../protocol/index.ts';

/** What a column holds, in no system's words. `json`: everything without one scalar type. */
export type ColumnKind =
  | 'string'
  | 'boolean'
  | 'integer'
  | 'big_integer'
  | 'number'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'time'
  | 'timetz'
  | 'json';

/** Airbyte's four columns, after a stream's own. */
export const rawIdColumn = '_airbyte_raw_id';
export const extractedAtColumn = '_airbyte_extracted_at';
export const metaColumn = '_airbyte_meta';
export const generationColumn = '_airbyte_generation_id';
export const airbyteColumns = [
  rawIdColumn,
  extractedAtColumn,
  metaColumn,
  generationColumn,
] as const;

/** A record whose winner has a value here deletes its row in `append_dedup`: change data capture says so. */
export const deletedAtField = '_ab_cdc_deleted_at';

/** Our reason in `_airbyte_meta.changes`. */
export const typecastReason = 'DESTINATION_TYPECAST_ERROR';

/** Our reason for a time that was cut to microseconds. */
export const truncatedReason = 'DESTINATION_FIELD_SIZE_LIMITATION';

/** More keys than this in one stream are data, not columns. */
export const columnsMax = 1_000;

/** The kind of each property of a stream's schema, in the schema's order. */
export function columnsOf(schema: JsonObject): Map<string, ColumnKind> {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  return new Map(Object.entries(properties).map(([field, type]) => [field, kindOfSchema(type)]));
}

/** Old connectors refer to Airbyte's well-known types. */
const wellKnown: Readonly<Record<string, ColumnKind>> = {
  String: 'string',
  BinaryData: 'string',
  Date: 'date',
  TimestampWithTimezone: 'timestamptz',
  TimestampWithoutTimezone: 'timestamp',
  TimeWithTimezone: 'timetz',
  TimeWithoutTimezone: 'time',
  Number: 'number',
  Integer: 'integer',
  Boolean: 'boolean',
};

function kindOfSchema(schema: Json | undefined): ColumnKind {
  if (!isObject(schema)) return 'json';
  const reference = schema['$ref'];
  if (typeof reference === 'string') return wellKnown[reference.split('/').at(-1) ?? ''] ?? 'json';
  const alternatives = schema['oneOf'] ?? schema['anyOf'];
  if (Array.isArray(alternatives)) {
    const kinds = new Set(
      (alternatives as readonly Json[])
        .filter((one) => !isObject(one) || one['type'] !== 'null')
        .map(kindOfSchema),
    );
    return kinds.size === 1 ? [...kinds][0]! : 'json';
  }
  const type = schema['type'];
  const types = (Array.isArray(type) ? (type as readonly Json[]) : [type]).filter(
    (t) => t !== 'null',
  );
  if (types.length === 1) return kindOfType(types[0], schema);
  return types.length === 2 && types.includes('integer') && types.includes('number')
    ? 'number'
    : 'json';
}

function kindOfType(type: Json | undefined, schema: JsonObject): ColumnKind {
  const hint = schema['airbyte_type'];
  if (hint === 'big_integer') return 'big_integer';
  if (hint === 'big_number') return 'number';
  if (type === 'boolean') return 'boolean';
  if (type === 'integer') return 'integer';
  if (type === 'number') return hint === 'integer' ? 'integer' : 'number';
  return type === 'string' ? kindOfString(schema['format'], hint) : 'json';
}

function kindOfString(format: Json | undefined, hint: Json | undefined): ColumnKind {
  if (format === 'date') return 'date';
  if (format === 'date-time')
    return hint === 'timestamp_without_timezone' ? 'timestamp' : 'timestamptz';
  if (format === 'time') return hint === 'time_with_timezone' ? 'timetz' : 'time';
  return 'string';
}

/** What was seen of a key that the schema doesn't have; JSON types by name, `integer` for numbers without a fraction. */
export interface Observed {
  readonly field: string;
  readonly types: readonly string[];
  /** An integer outside 64 bits was seen. */
  readonly big: boolean;
}

/** The column for a key that the schema does not have. */
export function kindOfObserved({ types, big }: Observed): ColumnKind {
  const only = types.length === 1 ? types[0]! : 'mixed';
  if (types.length === 2 && types.includes('integer') && types.includes('number')) return 'number';
  switch (only) {
    case 'boolean':
    case 'string':
    case 'number':
      return only;
    case 'integer':
      return big ? 'big_integer' : 'integer';
    default:
      return 'json';
  }
}
