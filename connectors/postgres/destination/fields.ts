import type { ConfiguredStream } from '../../../protocol/index.ts';
import { columnsOf, type ColumnKind } from '../../kit/columns.ts';
import { castName, isDigits, numeral, sqlTypeOf, type Given, type Manner } from './types.ts';

/** A field of rows that come as `pg-copy-text`: the column of a part that holds its text. */
export interface Field {
  readonly cell: string;
  readonly kind: ColumnKind;
}

/** The fields of a stream's rows, in their order. */
export type Fields = ReadonlyMap<string, Field>;

export const cellName = (n: number): string => `f${n}`;

export const fieldsOf = ({ stream }: ConfiguredStream): Fields =>
  new Map(
    [...columnsOf(stream.json_schema)].map(([field, kind], n) => [
      field,
      { cell: cellName(n), kind },
    ]),
  );

/** Null, of a column that the rows have no field for. */
export const nothingGiven: Given = {
  ...textGiven('NULL::text'),
  isThere: 'false',
};

/** What a field's text gives, the same as its JSON would. `cell`: an expression. */
export const givenByField = (kind: ColumnKind, cell: string, manner: Manner): Given =>
  byKind[kind](cell, manner);

type GiveField = (cell: string, manner: Manner) => Given;

/** It begins with a digit, as `infinity` does not, and is not before the first year. */
const isDay = (cell: string): string =>
  `${cell} >= '0' COLLATE "C" AND ${cell} < ':' COLLATE "C" AND ${cell} NOT LIKE '%C'`;
/** Not NaN, nor one of the infinities. */
const isNumeral = (cell: string): string => `${cell} < ':' COLLATE "C" AND ${cell} <> '-Infinity'`;
/** As JSON has it. */
const jsonTime = (cell: string): string => `regexp_replace(${cell}, ' ', 'T')`;

/**
 * Postgres said it of a value of its own: in a hurry it is enough to leave out what no column takes. null: nothing, or the cast refuses it.
 */
const said = (kind: ColumnKind, test: string | null): Pick<Given, 'said'> => ({
  said: { type: sqlTypeOf(kind), test },
});

const byKind: Readonly<Record<ColumnKind, GiveField>> = {
  string: (cell) => textGiven(cell),
  timetz: (cell) => textGiven(cell),
  time: (cell) => ({ ...textGiven(cell), ...said('time', null) }),
  // Years of seven digits are no dates here.
  date: (cell) => ({
    ...textGiven(cell),
    ...said('date', `length(${cell}) < 13 AND ${isDay(cell)}`),
  }),
  timestamp: (cell) => ({ ...textGiven(cell, jsonTime(cell)), ...said('timestamp', isDay(cell)) }),
  timestamptz: (cell) => ({
    ...textGiven(cell, `regexp_replace(${jsonTime(cell)}, '[+]00( BC)?$', '+00:00\\1')`),
    ...said('timestamptz', isDay(cell)),
  }),
  boolean: (cell) => ({ ...booleanGiven(cell), ...said('boolean', null) }),
  integer: (cell, manner) => ({ ...numberGiven(cell, manner), ...said('integer', null) }),
  big_integer: (cell, manner) => ({
    ...numberGiven(cell, manner),
    ...said('big_integer', isNumeral(cell)),
  }),
  number: (cell, manner) => ({ ...numberGiven(cell, manner), ...said('number', isNumeral(cell)) }),
  json: jsonGiven,
};

/** `text`: where it is said otherwise in JSON. */
function textGiven(plain: string, text = plain): Given {
  return {
    ...{ text, plain, json: `to_jsonb(${text})`, numeric: 'NULL::numeric', mayBreak: false },
    ...{ isNumber: null, isBoolean: null, isShort: null, said: null },
    isThere: `${plain} IS NOT NULL`,
  };
}

function numberGiven(cell: string, manner: Manner): Given {
  // NaN and Infinity are text in JSON.
  const isNumber = manner === 'careful' ? `${cell} ~ '${numeral}'` : isNumeral(cell);
  const numeric = `${cell}::numeric`;
  return {
    ...textGiven(cell, `CASE WHEN ${isNumber} THEN ${numeric}::text ELSE ${cell} END`),
    json: `CASE WHEN ${isNumber} THEN to_jsonb(${numeric}) ELSE to_jsonb(${cell}) END`,
    ...{ isNumber, numeric },
    isShort: manner === 'careful' ? `${cell} ~ '^-?[0-9]{1,18}$'` : isDigits(cell),
  };
}

function booleanGiven(cell: string): Given {
  const isBoolean = `${cell} IN ('true', 'false')`;
  return {
    ...textGiven(cell),
    json: `CASE WHEN ${isBoolean} THEN to_jsonb(${cell}::boolean) ELSE to_jsonb(${cell}) END`,
    isBoolean,
  };
}

function jsonGiven(cell: string, manner: Manner): Given {
  const json = manner === 'careful' ? `${castName('jsonb')}(${cell})` : `${cell}::jsonb`;
  const text = `(${json} #>> '{}')`;
  const isNumber = `jsonb_typeof(${json}) = 'number'`;
  return {
    ...{ text, plain: text, json, isNumber, said: null },
    isBoolean: `jsonb_typeof(${json}) = 'boolean'`,
    isShort: `${isNumber} AND ${isDigits(text)}`,
    numeric: `${json}::numeric`,
    isThere: `${cell} IS NOT NULL AND ${json} IS DISTINCT FROM 'null'::jsonb`,
    mayBreak: true,
  };
}
