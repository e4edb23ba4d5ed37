import type { JsonObject } from '../../../protocol/index.ts';

/** A type as the server's catalog has it. */
export interface TypeRow {
  readonly oid: number;
  /** `b` base, `c` composite, `d` domain, `e` enum, `r` range, `m` multirange. */
  readonly kind: string;
  /** Of a domain. */
  readonly base: number;
  readonly typmod: number;
  /** Of an array; 0: it is none. */
  readonly element: number;
  /** Someone made a cast to JSON for it, which row_to_json then uses (hstore, PostGIS). */
  readonly hasJsonCast: boolean;
}

/** How values of a type are ordered and compared as a cursor. */
export interface CursorType {
  /** For casting literals. */
  readonly sql: string;
  /** `time`, `number`: a look-back of that kind can be taken from it. */
  readonly of: 'time' | 'number' | 'text';
  /** Its text, equal for equal values. `of`: an expression. */
  text(this: void, of: string): string;
  /** An expression of it, less an amount: seconds of times, a difference of numbers; in the same type. null: nothing can be taken from it. */
  readonly less: ((value: string, amount: string) => string) | null;
  /** Values that end all order: what comes later is below them. null: there are none. */
  readonly end: string | null;
}

export interface ColumnType {
  /** JSON schema, with null beside it. */
  readonly schema: JsonObject;
  /** What goes into the row's JSON. `of`: the column. */
  value(this: void, of: string): string;
  /** What goes into a field of `pg-copy-text`: written by COPY, it is what the JSON says. */
  field(this: void, of: string): string;
  /** null: it is no cursor. */
  readonly cursor: CursorType | null;
  /** Its JSON may hold newlines between its tokens. */
  readonly isLoose: boolean;
}

const nullable = (type: string, more: JsonObject = {}): JsonObject => ({
  type: ['null', type],
  ...more,
});
const text = nullable('string');
const json: JsonObject = { type: ['null', 'object', 'array', 'string', 'number', 'boolean'] };
const same = (of: string): string => of;

function cursorType(sql: string, of: CursorType['of'], more: Partial<CursorType> = {}): CursorType {
  return { sql, of, text: (value) => `${value}::text`, less: null, end: null, ...more };
}

function plain(schema: JsonObject, cursor: CursorType | null = null): ColumnType {
  return { schema, value: same, field: same, cursor, isLoose: false };
}

/** Its JSON is more than its text. */
const structured = (schema: JsonObject): ColumnType => ({
  ...plain(schema),
  field: (of) => `to_json(${of})`,
  isLoose: true,
});
/** As an expression of it, in JSON and in a field. */
const through = (schema: JsonObject, value: ColumnType['value']): ColumnType => ({
  ...plain(schema),
  ...{ value, field: value },
});

const infinity = { end: `'infinity'` };
/** Of any width: their literals compare with all of them. Below the lowest there is nothing. */
const integer = plain(
  nullable('integer'),
  cursorType('bigint', 'number', {
    less: (value, amount) =>
      `GREATEST(ceil(${value}::numeric - ${amount}), -9223372036854775808)::bigint`,
  }),
);
const subtracted = (sql: string) => ({
  less: (value: string, amount: string) => `(${value} - '${amount}'::${sql})`,
});
// -0 and 0 are equal.
const float = (sql: string): ColumnType =>
  plain(
    nullable('number'),
    cursorType(sql, 'number', {
      ...infinity,
      ...subtracted(sql),
      text: (value) => `(${value} + '0'::${sql})::text`,
    }),
  );
const time = (sql: string, schema: JsonObject): ColumnType =>
  plain(
    schema,
    cursorType(sql, 'time', {
      ...infinity,
      less: (value, amount) => `(${value}::timestamp - interval '${amount} seconds')::${sql}`,
    }),
  );
const ofText = (sql: string): ColumnType => plain(text, cursorType(sql, 'text'));

/** By the fixed numbers of Postgres' own types (`pg_type.dat`). All others are text as the server writes it, but for arrays, composites, JSON. */
const known: ReadonlyMap<number, ColumnType> = new Map<number, ColumnType>([
  // COPY alone would write `t` and `f`.
  [16, { ...plain(nullable('boolean')), field: (of) => `${of}::text` }],
  [
    17,
    through(
      nullable('string', { contentEncoding: 'base64' }),
      (of) => `translate(encode(${of}, 'base64'), E'\\n', '')`,
    ),
  ],
  [19, ofText('name')],
  [20, integer],
  [21, integer],
  [23, integer],
  [25, ofText('text')],
  // Without the cast it would be text.
  [26, through(nullable('integer'), (of) => `${of}::bigint`)],
  [114, { ...plain(json), isLoose: true }],
  [700, float('real')],
  [701, float('double precision')],
  // Its text depends on the server's locale.
  [790, through(nullable('number'), (of) => `${of}::numeric`)],
  [1042, ofText('bpchar')],
  [1043, ofText('varchar')],
  [1082, time('date', nullable('string', { format: 'date' }))],
  [1083, plain(nullable('string', { format: 'time', airbyte_type: 'time_without_timezone' }))],
  [
    1114,
    time(
      'timestamp without time zone',
      nullable('string', { format: 'date-time', airbyte_type: 'timestamp_without_timezone' }),
    ),
  ],
  [
    1184,
    time(
      'timestamp with time zone',
      nullable('string', { format: 'date-time', airbyte_type: 'timestamp_with_timezone' }),
    ),
  ],
  [1266, plain(nullable('string', { format: 'time', airbyte_type: 'time_with_timezone' }))],
  [2950, plain(text, cursorType('uuid', 'text'))],
  [3802, plain(json)],
]);

const numericOid = 1700;
/** Digits that fit 64 bits whatever they are. */
const bigintDigits = 18;

/** `numeric(18)` and less fits an integer; `typmod` holds precision and scale. */
function numeric(typmod: number): ColumnType {
  const cursor = cursorType('numeric', 'number', {
    ...infinity,
    ...subtracted('numeric'),
    text: (value) => `trim_scale(${value})::text`,
  });
  if (typmod < 4) return plain(nullable('number'), cursor);
  const precision = ((typmod - 4) >> 16) & 0xffff;
  // Eleven bits, signed.
  const scale = (((typmod - 4) & 0x7ff) ^ 0x400) - 0x400;
  if (scale > 0) return plain(nullable('number'), cursor);
  const isBig = precision - scale > bigintDigits;
  return plain(nullable('integer', isBig ? { airbyte_type: 'big_integer' } : {}), cursor);
}

/** Domains nest at most this deep here. */
const domainsMax = 64;

export function columnType(
  oid: number,
  typmod: number,
  types: ReadonlyMap<number, TypeRow>,
): ColumnType {
  let type = types.get(oid);
  let mod = typmod;
  let base = oid;
  for (let depth = 0; type?.kind === 'd' && depth < domainsMax; depth += 1) {
    if (mod < 0) mod = type.typmod;
    base = type.base;
    type = types.get(base);
  }
  if (base === numericOid) return numeric(mod);
  const found = known.get(base);
  if (found !== undefined) return found;
  if (type === undefined || type.kind === 'c') return structured(nullable('object'));
  if (type.element !== 0) return structured(nullable('array'));
  if (type.hasJsonCast) return structured(json);
  return plain(text);
}
