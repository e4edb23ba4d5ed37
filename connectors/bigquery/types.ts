import type { ColumnKind } from '../kit/columns.ts';
import { valueNestsDeeper } from '../kit/depth.ts';
import { lastOfKeys } from '../kit/json-keys.ts';
import { tokensOf } from '../kit/json-scan.ts';
import { fitsDouble, numeralPattern } from '../kit/numbers.ts';
import { decimalFit, integerFit, textOf, type Fit } from '../kit/rows/fit.ts';
import { doubleText, type Digits } from '../kit/rows/numerals.ts';
import { dateText, losesNanos, timestampText, timeText } from '../kit/rows/times.ts';

// cloud.google.com/bigquery/docs/reference/standard-sql/data-types

const types: Readonly<Record<ColumnKind, string>> = {
  string: 'STRING',
  boolean: 'BOOL',
  integer: 'INT64',
  big_integer: 'BIGNUMERIC',
  // Until a number comes that a double would round: see `widerType`.
  number: 'FLOAT64',
  date: 'DATE',
  timestamp: 'DATETIME',
  timestamptz: 'TIMESTAMP',
  time: 'TIME',
  // No type keeps the zone of a time of day.
  timetz: 'STRING',
  json: 'JSON',
};

export const typeOf = (kind: ColumnKind): string => types[kind];

/** The API's names of types, where they are not SQL's: /bigquery/docs/reference/rest/v2/tables#TableFieldSchema */
const ofApi: Readonly<Record<string, string>> = {
  ...{ INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL', RECORD: 'STRUCT' },
};

/** A column as the API tells it. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
  readonly precision?: string;
  readonly scale?: string;
  readonly maxLength?: string;
}

/** A type as SQL spells it, with the bounds that a person gave it. */
export function typeText({ type, mode, precision, scale, maxLength }: Field): string {
  const name = ofApi[type] ?? type;
  const sizes = [precision ?? maxLength, scale].filter((one) => one !== undefined);
  const sized = sizes.length === 0 ? name : `${name}(${sizes.join(',')})`;
  return mode === 'REPEATED' ? `ARRAY<${sized}>` : sized;
}

/** Digits before the point and after it: /standard-sql/data-types#decimal_types */
const decimals: Readonly<Record<string, Digits>> = {
  NUMERIC: { whole: 29, scale: 9 },
  BIGNUMERIC: { whole: 38, scale: 38 },
};

const booleans: Readonly<Record<string, string>> = {
  __proto__: null,
  true: 'true',
  false: 'false',
} as never;

const fits: Readonly<Record<string, Fit>> = {
  STRING: textOf,
  BOOL: (json) => booleans[textOf(json)] ?? null,
  INT64: integerFit(64),
  FLOAT64: (json) => doubleText(textOf(json)),
  DATE: (json) => dateText(textOf(json)),
  DATETIME: (json) => timestampText(textOf(json), false, 6),
  TIMESTAMP: (json) => timestampText(textOf(json), true, 6),
  TIME: timeFit,
  JSON: jsonFit,
};

/** How values become a column's. Of a type that we never make (a person altered the column) only what it keeps exactly fits. */
export function fitOf(type: string): Fit {
  const [, name = '', first, second] = /^(\w+)(?:\((\d+)(?:,(\d+))?\))?$/.exec(type) ?? [];
  const digits = decimals[name];
  if (digits !== undefined) return decimalFit(digitsOf(digits, first, second));
  if (first === undefined) return fits[name] ?? (() => null);
  if (name !== 'STRING') return () => null;
  return (json) => (Array.from(textOf(json)).length <= Number(first) ? textOf(json) : null);
}

const digitsOf = (
  most: Digits,
  precision: string | undefined,
  scale: string | undefined,
): Digits => {
  if (precision === undefined) return most;
  return { whole: Number(precision) - Number(scale ?? 0), scale: Number(scale ?? 0) };
};

/** The day ends before 24:00:00 here. */
function timeFit(json: string): string | null {
  const text = timeText(textOf(json), 6);
  return text?.startsWith('24') === true ? null : text;
}

/** Levels of a JSON value: /bigquery/docs/json-data#limitations */
const jsonDepthMax = 500;
const leastInteger = -(2n ** 63n);
const mostInteger = 2n ** 64n - 1n;

/**
 * BigQuery's JSON keeps numbers as integers of 64 bits, with or without a sign, or as doubles: what it would round does not fit. Of a key that an object
 * has twice it would keep the first: /standard-sql/data-types#json_type
 */
function jsonFit(json: string): string | null {
  if (valueNestsDeeper(json, jsonDepthMax)) return null;
  for (const token of tokensOf(json)) if (numeralPattern.test(token) && !isKept(token)) return null;
  return lastOfKeys(json);
}

function isKept(numeral: string): boolean {
  if (!/^-?\d+$/.test(numeral)) return fitsDouble(numeral);
  const value = BigInt(numeral);
  return (value >= leastInteger && value <= mostInteger) || fitsDouble(numeral);
}

/** Of a value that fits: what is below the microsecond is gone. */
export const isCut = (type: string, json: string): boolean =>
  /^(DATETIME|TIMESTAMP|TIME)$/.test(type) && losesNanos(json);

export const isOfNumbers = (type: string): boolean => /^(INT64|FLOAT64|NUMERIC)$/.test(type);

/** BIGNUMERIC is the only type that holds more than the others, and only where it has the digits. */
export function widerType(type: string, { whole, scale }: Digits): string | null {
  const most = decimals['BIGNUMERIC']!;
  if (!isOfNumbers(type) || whole > most.whole || scale > most.scale) return null;
  return type === 'INT64' && scale > 0 ? null : 'BIGNUMERIC';
}

/**
 * A staged text as its column's value. All of them fit, so that a failure here is ours, and is not to pass for NULL. `round`: numbers that are doubles
 * written longer than they need are refused otherwise. A time without a zone would be one of the project's `default_time_zone`, where it has one.
 * /standard-sql/json_functions#parse_json, /standard-sql/conversion_functions#cast, /bigquery/docs/default-configuration
 */
export function castSql(column: string, type: string): string {
  if (type === 'STRING') return column;
  if (type === 'JSON') return `PARSE_JSON(${column}, wide_number_mode=>'round')`;
  if (type === 'TIMESTAMP') return `CAST(${column} || '+00' AS TIMESTAMP)`;
  return `CAST(${column} AS ${type})`;
}

/** JSON has no equality, and doubles cannot be partitioned by: /standard-sql/data-types#groupable_data_types */
export function comparableSql(column: string, type: string): string {
  if (type === 'JSON') return `TO_JSON_STRING(${column})`;
  return type === 'FLOAT64' ? `CAST(${column} AS STRING)` : column;
}

/** /bigquery/docs/clustered-tables#limitations */
export const isClusterable = (type: string): boolean =>
  /^(BIGNUMERIC|BOOL|DATE|DATETIME|INT64|NUMERIC|STRING|TIMESTAMP)\b/.test(type);

/** A double by its shortest text, which is the number that was sent: as it stands it would get the digits that no one sent. */
const asWider = (column: string, type: string, cast: 'CAST' | 'SAFE_CAST'): string =>
  `${cast}(${type === 'FLOAT64' ? `CAST(${column} AS STRING)` : column} AS BIGNUMERIC)`;

export const widenedSql = (column: string, type: string): string => asWider(column, type, 'CAST');

/** A double's exponent may be beyond the digits of a BIGNUMERIC. */
export function losesWidenedSql(column: string, type: string): string | null {
  if (type !== 'FLOAT64') return null;
  const wide = asWider(column, type, 'SAFE_CAST');
  return `${column} IS NOT NULL AND coalesce(CAST(${wide} AS FLOAT64) <> ${column}, TRUE)`;
}
