import type { JsonObject } from '../../protocol/index.ts';

const string = { type: ['null', 'string'] };
const number = { type: ['null', 'number'] };
export const integer = { type: ['null', 'integer'] };
const array = { type: ['null', 'array'] };
const object = { type: ['null', 'object'] };
const json = { type: ['null', 'object', 'array', 'string', 'number', 'boolean'] };
const timestamptz = {
  ...string,
  ...{ format: 'date-time', airbyte_type: 'timestamp_with_timezone' },
};
const timestamp = {
  ...string,
  ...{ format: 'date-time', airbyte_type: 'timestamp_without_timezone' },
};

/** A type, what is offered of it, and values with the very text that is sent of them. */
export const postgresTypes: readonly (readonly [
  string,
  JsonObject,
  readonly (readonly [string, string])[],
])[] = [
  ['boolean', { type: ['null', 'boolean'] }, [[`true`, 'true']]],
  ['smallint', integer, [[`-32768`, '-32768']]],
  ['integer', integer, [[`2147483647`, '2147483647']]],
  ['bigint', integer, [[`9223372036854775807`, '9223372036854775807']]],
  ['oid', integer, [[`4294967295`, '4294967295']]],
  [
    'numeric',
    number,
    [
      [
        `'123456789012345678901234567890.12345678901234567890'`,
        '123456789012345678901234567890.12345678901234567890',
      ],
      [`'1.00'`, '1.00'],
      [`'NaN'`, '"NaN"'],
      [`'-Infinity'`, '"-Infinity"'],
    ],
  ],
  ['numeric(18)', integer, [[`999999999999999999`, '999999999999999999']]],
  [
    'numeric(38,0)',
    { ...integer, airbyte_type: 'big_integer' },
    [[`12345678901234567890123456789012345678`, '12345678901234567890123456789012345678']],
  ],
  ['numeric(10,2)', number, [[`1.5`, '1.50']]],
  ['numeric(3,-2)', integer, [[`12345`, '12300']]],
  [
    'real',
    number,
    [
      [`0.1`, '0.1'],
      [`'Infinity'`, '"Infinity"'],
      [`'-0'`, '-0'],
    ],
  ],
  [
    'double precision',
    number,
    [
      [`0.1::float8 + 0.2`, '0.30000000000000004'],
      [`'NaN'`, '"NaN"'],
      [`1e300`, '1e+300'],
    ],
  ],
  [
    'money',
    number,
    [
      [`'1234567.89'`, '1234567.89'],
      [`'-0.01'`, '-0.01'],
    ],
  ],
  [
    'text',
    string,
    [
      [`E'a"\\\\b\\n\\r\\t\\x01\\x02/é漢🐘'`, String.raw`"a\"\\b\n\r\t\u0001\u0002/é漢🐘"`],
      [`'\\.'`, String.raw`"\\."`],
      [`''`, '""'],
    ],
  ],
  ['varchar(3)', string, [[`'abc'`, '"abc"']]],
  ['character(3)', string, [[`'a'`, '"a  "']]],
  ['name', string, [[`'n'`, '"n"']]],
  ['"char"', string, [[`'c'`, '"c"']]],
  [
    'bytea',
    { ...string, contentEncoding: 'base64' },
    [
      [
        `decode(repeat('00ff', 40), 'hex')`,
        `"${Buffer.from('00ff'.repeat(40), 'hex').toString('base64')}"`,
      ],
      [`''`, '""'],
    ],
  ],
  [
    'date',
    { ...string, format: 'date' },
    [
      [`'2024-02-29'`, '"2024-02-29"'],
      [`'0044-03-15 BC'`, '"0044-03-15 BC"'],
      [`'12345-01-01'`, '"12345-01-01"'],
      [`'infinity'`, '"infinity"'],
    ],
  ],
  [
    'time',
    { ...string, format: 'time', airbyte_type: 'time_without_timezone' },
    [
      [`'07:08:09.123456'`, '"07:08:09.123456"'],
      [`'24:00'`, '"24:00:00"'],
    ],
  ],
  [
    'timetz',
    { ...string, format: 'time', airbyte_type: 'time_with_timezone' },
    [[`'07:08:09+05:30'`, '"07:08:09+05:30"']],
  ],
  [
    'timestamp',
    timestamp,
    [
      [`'2024-05-06 07:08:09.123456'`, '"2024-05-06T07:08:09.123456"'],
      [`'-infinity'`, '"-infinity"'],
      [`'0001-01-01 BC'`, '"0001-01-01T00:00:00 BC"'],
    ],
  ],
  [
    'timestamptz',
    timestamptz,
    [
      [`'2024-05-06 07:08:09.12+02'`, '"2024-05-06T05:08:09.12+00:00"'],
      [`'infinity'`, '"infinity"'],
      [`'20240-01-01Z'`, '"20240-01-01T00:00:00+00:00"'],
    ],
  ],
  ['interval', string, [[`'1 year 2 mons 3 days 04:05:06.5'`, '"P1Y2M3DT4H5M6.5S"']]],
  [
    'uuid',
    string,
    [[`'6F9619FF-8B86-D011-B42D-00CF4FC964FF'`, '"6f9619ff-8b86-d011-b42d-00cf4fc964ff"']],
  ],
  [
    'json',
    json,
    [
      [
        `E'{"a":\\n 1.50,\\r\\n "a": [9007199254740993, "x\\\\n"]}'`,
        String.raw`{"a":  1.50,   "a": [9007199254740993, "x\n"]}`,
      ],
      [`'null'`, 'null'],
    ],
  ],
  [
    'jsonb',
    json,
    [[`'{"b":1e2,"a":12345678901234567890.10}'`, '{"a": 12345678901234567890.10, "b": 100}']],
  ],
  ['xml', string, [[`'<a>1</a>'`, '"<a>1</a>"']]],
  ['inet', string, [[`'10.0.0.1/8'`, '"10.0.0.1/8"']]],
  ['macaddr', string, [[`'08:00:2b:01:02:03'`, '"08:00:2b:01:02:03"']]],
  ['bit(3)', string, [[`B'101'`, '"101"']]],
  ['point', string, [[`'(1,2)'`, '"(1,2)"']]],
  ['polygon', string, [[`'((0,0),(1,1))'`, '"((0,0),(1,1))"']]],
  ['tsvector', string, [[`'a:1 b'`, `"'a':1 'b'"`]]],
  ['int4range', string, [[`'[1,5)'`, '"[1,5)"']]],
  ['tstzmultirange', string, [[`'{}'`, '"{}"']]],
  ['pg_lsn', string, [[`'16/B374D848'`, '"16/B374D848"']]],
  [
    'integer[]',
    array,
    [
      [`'{{1,NULL},{3,4}}'`, '[[1,null],[3,4]]'],
      [`'{}'`, '[]'],
    ],
  ],
  ['text[]', array, [[`ARRAY[E'a\\nb', '"', NULL]`, String.raw`["a\nb","\"",null]`]]],
  ['json[]', array, [[`ARRAY[E'{"a":\\n1}'::json]`, '[{"a": 1}]']]],
  [
    'timestamptz[]',
    array,
    [[`ARRAY['2024-01-01Z'::timestamptz]`, '["2024-01-01T00:00:00+00:00"]']],
  ],
  ['mood', string, [[`'it''s fine'`, `"it's fine"`]]],
  ['positive', number, [[`1.10`, '1.10']]],
  ['stamped', timestamptz, [[`'2024-01-01Z'`, '"2024-01-01T00:00:00+00:00"']]],
  ['pair', object, [[`ROW(1, '{"x":\n1}')`, '{"a":1,"Ä b":{"x": 1}}']]],
  ['boxed', json, [[`'[7,8)'`, '{"as" : 7}']]],
];

/** What has to be there for these types. */
export const ownTypes: readonly string[] = [
  `CREATE TYPE mood AS ENUM ('it''s fine')`,
  `CREATE DOMAIN positive AS numeric CHECK (VALUE > 0)`,
  `CREATE DOMAIN stamp AS timestamptz`,
  `CREATE DOMAIN stamped AS stamp CHECK (VALUE > '2000-01-01Z')`,
  `CREATE TYPE pair AS (a int, "Ä b" json)`,
  // As hstore and PostGIS have it: with a cast to JSON.
  `CREATE TYPE boxed AS RANGE (subtype = int4)`,
  `CREATE FUNCTION as_json(boxed) RETURNS json LANGUAGE sql IMMUTABLE AS $$ SELECT json_build_object('as', lower($1)) $$`,
  `CREATE CAST (boxed AS json) WITH FUNCTION as_json(boxed)`,
];
