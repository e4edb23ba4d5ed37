import type { ColumnKind } from '../kit/columns.ts';

/** Bytes of a text, at most. (…/dg/r_Character_types.html) */
export const textBytesMax = 65_535;
const text = `character varying(${textBytesMax})`;

/** As the catalog spells them, so that they are found again. (…/dg/c_Supported_data_types.html) */
const sqlTypes: Readonly<Record<ColumnKind, string>> = {
  string: text,
  boolean: 'boolean',
  integer: 'bigint',
  big_integer: 'numeric(38,0)',
  // Until a number comes that a double would round.
  number: 'double precision',
  date: 'date',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  time: 'time without time zone',
  timetz: 'time with time zone',
  json: 'super',
};

export const typeOf = (kind: ColumnKind): string => sqlTypes[kind];

/** Of our own tables, and of the staged ones. */
export const ownTypes = { text, integer: 'bigint', boolean: 'boolean' } as const;

export const airbyteTypes = {
  id: 'character varying(36)',
  instant: sqlTypes.timestamptz,
  json: sqlTypes.json,
} as const;
