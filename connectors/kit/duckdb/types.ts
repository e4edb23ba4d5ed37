import {
  extractedAtColumn,
  generationColumn,
  metaColumn,
  rawIdColumn,
  type airbyteColumns,
  type ColumnKind,
} from '../columns.ts';

/** DuckDB's type of each kind of column. */
export const sqlTypes: Readonly<Record<ColumnKind, string>> = {
  string: 'VARCHAR',
  boolean: 'BOOLEAN',
  integer: 'BIGINT',
  big_integer: 'HUGEINT',
  number: 'DOUBLE',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  time: 'TIME',
  timetz: 'TIME WITH TIME ZONE',
  json: 'JSON',
};

export const airbyteTypes: Readonly<Record<(typeof airbyteColumns)[number], string>> = {
  [rawIdColumn]: 'UUID',
  [extractedAtColumn]: 'TIMESTAMP WITH TIME ZONE',
  [metaColumn]: 'JSON',
  [generationColumn]: 'BIGINT',
};
