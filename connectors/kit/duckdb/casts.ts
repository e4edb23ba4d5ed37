import { quoteLiteral } from '../identifiers.ts';
import { textPatterns } from '../text-patterns.ts';

/** Types whose values can't fail to fit. */
export const takesAnything = (type: string): boolean => type === 'VARCHAR' || type === 'JSON';

/** Where a field lies in a record: a JSON pointer, since no key needs escaping there but these two. */
export const pointer = (field: string): string =>
  quoteLiteral(`/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`);

export const decimalDigitsMax = 38;

export function decimalScale(type: string): number | null {
  const match = /^DECIMAL\(38,(\d+)\)$/.exec(type);
  return match === null ? null : Number(match[1]);
}

/** The decimal type that holds so many digits before the point and after it, with room on both sides; null: there is none. */
export function decimalFor(whole: number, scale: number): string | null {
  const room = decimalDigitsMax - whole - scale;
  return room < 0 ? null : `DECIMAL(${decimalDigitsMax},${scale + Math.floor(room / 2)})`;
}

const matches = (text: string, pattern: string): string =>
  `regexp_full_match(${text}, ${quoteLiteral(pattern)})`;
/** A time without seconds, which DuckDB doesn't read, with them. */
const withSeconds = (text: string): string =>
  `regexp_replace(${text}, '([T ][0-9]{2}:[0-9]{2})(Z|z|[+-][0-9:]+)?$', '\\1:00\\2')`;

/** A time with seconds, and with a zone that DuckDB reads in times: it knows no `Z` there. */
const withPlainZone = (text: string): string =>
  `regexp_replace(regexp_replace(${text}, '^([0-9]{2}:[0-9]{2})($|[^:0-9])', '\\1:00\\2'), ' ?[zZ]$', '+00')`;

/** Digits before and after the point of a numeral's text, however it is written. */
export function digitsSql(text: string): { readonly whole: string; readonly scale: string } {
  const exponent = `coalesce(TRY_CAST(nullif(regexp_extract(${text}, '[eE]([+-]?[0-9]+)$', 1), '') AS INTEGER), 0)`;
  return {
    whole: `greatest(0, length(regexp_extract(${text}, '^-?0*([0-9]*)', 1)) + ${exponent})`,
    scale: `greatest(0, length(regexp_extract(${text}, '\\.([0-9]*?)0*(?:[eE]|$)', 1)) - ${exponent})`,
  };
}

export const isNumeral = (text: string): string => matches(text, textPatterns.numeral);

/**
 * The text of a field as a column's type; NULL where it does not fit. `inexact`: SQL that is true where a double would not hold the
 * number, null where no number of the batch is such. Guards come first: DuckDB alone would round 1.5 to 2, read 0x1f, or take `NaN`.
 */
export function castSql(type: string, text: string, inexact: string | null): string {
  const scale = decimalScale(type);
  if (scale !== null) {
    const digits = digitsSql(text);
    return `CASE WHEN ${isNumeral(text)} AND ${digits.scale} <= ${scale} AND ${digits.whole} <= ${decimalDigitsMax - scale} THEN TRY_CAST(${text} AS ${type}) END`;
  }
  switch (type) {
    case 'VARCHAR':
      return text;
    case 'JSON':
      return `nullif(${text}::VARCHAR, 'null')::JSON`;
    case 'BOOLEAN':
      return `CASE ${text} WHEN 'true' THEN true WHEN 'false' THEN false END`;
    case 'BIGINT':
    case 'HUGEINT':
      return `CASE WHEN ${matches(text, '-?[0-9]{1,39}')} THEN TRY_CAST(${text} AS ${type})
        WHEN ${isNumeral(text)} AND ${digitsSql(text).scale} = 0 AND ${digitsSql(text).whole} <= ${decimalDigitsMax}
        THEN TRY_CAST(TRY_CAST(${text} AS DECIMAL(38,0)) AS ${type}) END`;
    case 'DOUBLE': {
      const cast = `CASE WHEN ${isNumeral(text)} AND isfinite(TRY_CAST(${text} AS DOUBLE)) THEN TRY_CAST(${text} AS DOUBLE) END`;
      return inexact === null ? cast : `CASE WHEN NOT (${inexact}) THEN ${cast} END`;
    }
    case 'DATE':
      return `CASE WHEN ${matches(text, textPatterns.date)} THEN TRY_CAST(regexp_extract(${text}, '^[0-9-]+') AS DATE) END`;
    case 'TIMESTAMP':
      return `CASE WHEN ${matches(text, textPatterns.timestamp)} THEN TRY_CAST(${withSeconds(text)} AS TIMESTAMP) END`;
    case 'TIMESTAMP WITH TIME ZONE':
      return `CASE WHEN ${matches(text, textPatterns.timestamptz)} THEN TRY_CAST(${withSeconds(text)} AS TIMESTAMPTZ) END`;
    case 'TIME':
      return `CASE WHEN ${matches(text, textPatterns.time)} THEN TRY_CAST(regexp_extract(${text}, '^[0-9:.]+') AS TIME) END`;
    case 'TIME WITH TIME ZONE':
      return `CASE WHEN ${matches(text, textPatterns.timetz)} THEN TRY_CAST(${withPlainZone(text)} AS TIMETZ) END`;
    default:
      // A type that we never make: a person altered the column. What would be cut or rounded does not fit.
      return `CASE WHEN CAST(TRY_CAST(${text} AS ${type}) AS VARCHAR) = ${text} THEN TRY_CAST(${text} AS ${type}) END`;
  }
}

const [timeLength, timestampLength] = [
  '10:11:12.1234567'.length,
  '2024-03-01T10:11:12.1234567'.length,
];
/** Types that end at the microsecond, and how long text is at least that says more: most is shorter. */
const cutLengths: Readonly<Record<string, number>> = {
  TIMESTAMP: timestampLength,
  'TIMESTAMP WITH TIME ZONE': timestampLength,
  TIME: timeLength,
  'TIME WITH TIME ZONE': timeLength,
};

/** Whether text that a type takes loses what is below the microsecond; null: the type loses nothing. */
export function losesNanosSql(type: string, text: string): string | null {
  const lengthMin = cutLengths[type];
  return lengthMin === undefined
    ? null
    : `length(${text}) >= ${lengthMin} AND regexp_matches(${text}, ${quoteLiteral(textPatterns.belowMicros)})`;
}
