import { airbyteTypes, ownTypes, parseType, typeOf, wholeDigitsIn, widerType } from './types.ts';
import type { WarehouseDialect } from '../kit/warehouse/warehouse.ts';
import { fitOf, isCut } from './cells.ts';
import { csvLine } from './line.ts';
import { lowerCase, quoteName, tableSql } from './sql.ts';

/** Of a staged text. What it casts was judged before: see `fitOf`. */
function cast(column: string, type: string): string {
  switch (type) {
    case ownTypes.text:
      return column;
    // No cast leads from VARCHAR to BOOLEAN. (…/dg/r_CAST_function.html)
    case 'boolean':
      return `CASE ${column} WHEN 'true' THEN true WHEN 'false' THEN false END`;
    case 'super':
      return `json_parse(${column})`;
    case 'timestamp with time zone':
      return `CAST(${column} || '+00' AS ${type})`;
    default:
      return `CAST(${column} AS ${type})`;
  }
}

/** Spaces at the end of a text do not count where texts are compared. (…/dg/r_Character_types.html#r_Character_types-significance-of-trailing-blanks) */
function comparable(column: string, type: string): string {
  if (type === 'super') return `json_serialize(${column})`;
  return parseType(type).name === 'character varying' ? `(${column} || '.')` : column;
}

export const dialect: WarehouseDialect = {
  fold: lowerCase,
  spell: lowerCase,
  // Names have printable characters only, and these are the system's own. (…/dg/r_names.html)
  narrow: 'printable',
  reserved: ['oid', 'tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'],
  quote: quoteName,
  table: tableSql,
  line: csvLine,
  own: ownTypes,
  typeOf,
  airbyte: airbyteTypes,
  cells: {
    fitOf,
    isCut,
    isOfNumbers: (type) => /^(bigint|double precision|numeric)\b/.test(type),
    widerType,
  },
  cast,
  widened: (column, _type, wider) => `CAST(${column} AS ${wider})`,
  // How many digits of a double its decimal gets is not documented: where they are too few, the table stays as it is.
  losesWidened: (column, type, wider) =>
    type === 'double precision'
      ? `CASE WHEN abs(${column}) >= 1e${wholeDigitsIn(wider)} THEN true ELSE CAST(CAST(${column} AS ${wider}) AS double precision) <> ${column} END`
      : null,
  comparable,
  // One column a statement. (…/dg/r_ALTER_TABLE.html)
  addColumns: (table, definitions) =>
    definitions.map((definition) => `ALTER TABLE ${table} ADD COLUMN ${definition}`),
};
