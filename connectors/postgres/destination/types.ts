import type { ColumnKind } from '../../kit/columns.ts';
import { quoteLiteral, shortHash } from '../../kit/identifiers.ts';
import { textPatterns } from '../../kit/text-patterns.ts';

const sqlTypes: Readonly<Record<ColumnKind, string>> = {
  string: 'text',
  boolean: 'boolean',
  integer: 'bigint',
  // No end to its digits: what the schema calls big is stored exactly.
  big_integer: 'numeric',
  number: 'numeric',
  date: 'date',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  time: 'time without time zone',
  timetz: 'time with time zone',
  json: 'jsonb',
};

export const sqlTypeOf = (kind: ColumnKind): string => sqlTypes[kind];

/** Names beside a stream's own columns while a batch is typed; never given to a column. */
export const own = {
  ordinal: '_tidemark_ordinal',
  record: '_tidemark_record',
  data: '_tidemark_data',
  broken: '_tidemark_broken',
  fields: '_tidemark_fields',
  nulled: '_tidemark_nulled',
  gone: '_tidemark_gone',
} as const;

/** Types whose values can't fail to fit. */
export const takesAnything = (type: string): boolean => type === 'text' || type === 'jsonb';

/** The session's function for the slow, sure way from text to a type: NULL when it does not fit. */
export const castName = (type: string): string => `pg_temp.tidemark_cast_${shortHash(type)}`;

const whole = (pattern: string): string => `^${pattern}$`;
export const numeral = whole(textPatterns.numeral);

const toMicros = `regexp_replace(t, '([.][0-9]{6})[0-9]+', '\\1')`;

/** When text may be cast at all, and what is cast. */
const guards: Readonly<Record<string, { readonly pattern: string; readonly value: string }>> = {
  bigint: { pattern: numeral, value: 't::numeric' },
  numeric: { pattern: numeral, value: 't' },
  boolean: { pattern: '^(true|false)$', value: 't' },
  date: {
    pattern: whole(textPatterns.date),
    value: `substring(t from '^${textPatterns.day}')`,
  },
  'timestamp with time zone': { pattern: whole(textPatterns.timestamptz), value: toMicros },
  'timestamp without time zone': { pattern: whole(textPatterns.timestamp), value: toMicros },
  'time without time zone': { pattern: whole(textPatterns.time), value: toMicros },
  'time with time zone': { pattern: whole(textPatterns.timetz), value: toMicros },
  jsonb: { pattern: '', value: 't' },
};

/** Types whose values end at the microsecond. */
export const isCutToMicros = (type: string): boolean => guards[type]?.value === toMicros;

/** Whether a value of such a type loses something. */
export const losesNanos = (text: string): string => `${text} ~ '${textPatterns.belowMicros}'`;

/**
 * Creates the cast function of a type. For a type that we never make (a person altered the column) the value must read back as it was
 * sent, so that nothing is cut or rounded silently.
 */
export function castFunction(type: string): string {
  const guard = guards[type];
  const pattern = guard?.pattern ?? '';
  const value = guard?.value ?? 't';
  const check =
    guard === undefined
      ? `v::text = t OR (t ~ '${numeral}' AND v::text::numeric = t::numeric)`
      : type === 'bigint'
        ? 'v = t::numeric'
        : 'true';
  return `CREATE OR REPLACE FUNCTION ${castName(type)}(t text) RETURNS ${type} LANGUAGE plpgsql STABLE STRICT AS $tidemark$
    DECLARE v ${type};
    BEGIN
      IF t !~ '${pattern}' THEN RETURN NULL; END IF;
      v := (${value})::${type};
      IF ${check} THEN RETURN v; END IF;
      RETURN NULL;
    EXCEPTION WHEN data_exception OR syntax_error_or_access_rule_violation OR statement_too_complex THEN RETURN NULL;
    END $tidemark$`;
}

/** Raised by the hurried cast: the commit runs again, the slow way. */
export const misfitState = '22TDM';

export const mustFitFunction = `CREATE OR REPLACE FUNCTION pg_temp.tidemark_must_fit(v anyelement) RETURNS anyelement LANGUAGE plpgsql STABLE AS $tidemark$
    BEGIN
      IF v IS NULL THEN RAISE EXCEPTION SQLSTATE '${misfitState}'; END IF;
      RETURN v;
    END $tidemark$`;

export type Manner = 'hurried' | 'careful';

/** What a row gives for a column, as expressions. Of those that test, null: it never is. */
export interface Given {
  /** What `->>` gives of it in a record. */
  readonly text: string;
  /** Text that the guarded types take for the same; often cheaper. */
  readonly plain: string;
  /** As jsonb, and whether it is a number or true or false there. In a hurry a test may pass what then is an error of class 22. */
  readonly json: string;
  readonly isNumber: string | null;
  readonly isBoolean: string | null;
  /** It is a number of 18 digits at most, all of them before the point. */
  readonly isShort: string | null;
  /** As numeric, where it is a number. */
  readonly numeric: string;
  /** The type that the text was said of, and in a hurry a test after which it may be cast to it, right or an error; null: at once. */
  readonly said: { readonly type: string; readonly test: string | null } | null;
  /** It has a value, of whatever kind: where that is none of the column's, this is to be told. */
  readonly isThere: string;
  /** It may be none of JSON. */
  readonly mayBreak: boolean;
}

/** At most 18 of them; right only of numbers. */
export const isDigits = (text: string): string =>
  `length(${text}) < 19 AND ltrim(${text}, '-0123456789') = ''`;

/** A field of `own.data`, which is jsonb. */
export function givenByJson(field: string): Given {
  const text = `(${own.data}->>${quoteLiteral(field)})`;
  const json = `(${own.data}->${quoteLiteral(field)})`;
  const isNumber = `jsonb_typeof(${json}) = 'number'`;
  return {
    ...{ text, plain: text, json, isNumber },
    isBoolean: `jsonb_typeof(${json}) = 'boolean'`,
    isShort: `${isNumber} AND ${isDigits(text)}`,
    numeric: `${json}::numeric`,
    said: null,
    isThere: `${text} IS NOT NULL`,
    mayBreak: false,
  };
}

/**
 * What is given as a column's type. Hurried: cheap checks, and an error of class 22 where they do not do. Careful: NULL where the value
 * does not fit.
 */
export function valueSql(given: Given, type: string, manner: Manner): string {
  if (type === 'text') return given.text;
  if (type === 'jsonb') return `NULLIF(${given.json}, 'null'::jsonb)`;
  const text = guards[type] === undefined ? given.text : given.plain;
  const { said } = given;
  if (manner === 'hurried' && said?.type === type && said.test === null) return `${text}::${type}`;
  const slow = `${castName(type)}(${text})`;
  const whole = isCutToMicros(type) ? `CASE WHEN NOT ${losesNanos(text)} THEN ${slow} END` : slow;
  const rest =
    manner === 'careful'
      ? slow
      : `CASE WHEN ${text} IS NOT NULL THEN pg_temp.tidemark_must_fit(${whole}) END`;
  const quick = quickTest(given, type, manner);
  return quick === null
    ? rest
    : `CASE WHEN ${quick} THEN ${type === 'numeric' ? given.numeric : `${text}::${type}`} ELSE ${rest} END`;
}

/** A cheap test after which a plain cast is right, or (hurried) either right or an error; null: there is none. */
function quickTest(given: Given, type: string, manner: Manner): string | null {
  const text = given.plain;
  if (manner === 'hurried' && given.said?.type === type) return given.said.test;
  switch (type) {
    case 'bigint':
      return given.isShort;
    case 'numeric':
      return given.isNumber;
    case 'boolean':
      return given.isBoolean;
    case 'date':
      return manner === 'careful' ? null : `length(${text}) = 10 AND ${isSpelled(text, ['--'])}`;
    case 'timestamp with time zone':
      return manner === 'careful' ? null : isPlainTime(text, ['', 'Z', '+', '-', '+:', '-:']);
    case 'timestamp without time zone':
      return manner === 'careful' ? null : isPlainTime(text, ['', 'Z']);
    default:
      return null;
  }
}

/** What is left of it without its digits: not `now`, no name of a month or a zone. Postgres would drop a zone that the type lacks. */
const isSpelled = (text: string, skeletons: readonly string[]): string =>
  `translate(${text}, '0123456789', '') IN (${skeletons.map(quoteLiteral).join(', ')}) AND substr(${text}, 5, 1) = '-'`;

/** A day and a time with seconds, none of them a leap second, and no seventh digit of their fraction. */
function isPlainTime(text: string, zones: readonly string[]): string {
  const skeletons = ['--T::', '--T::.', '-- ::', '-- ::.'].flatMap((time) =>
    zones.map((zone) => time + zone),
  );
  return `length(${text}) >= 19 AND ${isSpelled(text, skeletons)} AND substr(${text}, 18, 1) <> '6' AND ascii(substr(${text}, 27, 1)) NOT BETWEEN 48 AND 57`;
}
