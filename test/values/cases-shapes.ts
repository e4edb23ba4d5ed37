import { casesOf } from './cases-of.ts';
import type { ValueCase } from './cases.ts';

const nested = (depth: number, inner: string): string =>
  `${'{"a":'.repeat(depth)}${inner}${'}'.repeat(depth)}`;
const lists = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

export const shapeCases: readonly ValueCase[] = [
  ...casesOf('object', {
    'object: null': 'null',
    'object: absent key': null,
    'object: empty': '{}',
    'object: 200 deep, with 40 digits': nested(200, '12345678901234567890.12345678901234567890'),
    'object: 1000 deep': nested(1_000, '1'),
    'object: 1001 deep': nested(1_001, '1'),
    'object: 20,000 deep': nested(20_000, '1'),
    'object: 200,000 deep': nested(200_000, '1'),
    'object: mixed':
      '{"a":[1,"ü",null,{"b":[9007199254740993,true]},[[]]],"":{"":""},"é\\"\\n":-0.0}',
    'object: large and small numbers':
      '{"a":1e308,"b":5e-324,"c":1e9999,"d":0.1000000000000000055511}',
    'object: the same key twice': '{"a":1,"b":2,"a":3}',
    'object: keys that differ in case': '{"a":1,"A":2}',
    'object: zero byte in text': '{"a":"x\\u0000y"}',
    'object: zero byte in a key': '{"x\\u0000y":1}',
    'object: half a surrogate pair': '{"a":"\\ud83d"}',
    'object: half a surrogate pair in a key': '{"\\ud83d":1}',
    'object: emoji in a key': '{"😀":"\\ud83d\\ude00"}',
    'object: NaN within': '{"a":NaN}',
    'object: white space': '{ "a" :\t[ 1 , 2 ] }',
    'object: 5000 keys': `{${Array.from({ length: 5_000 }, (_, i) => `"k${i}":${i}`).join(',')}}`,
    'object: a number': '17',
    'object: text': '"plain"',
    'object: text of an object': '"{\\"a\\":1}"',
  }),
  ...casesOf('array', {
    'array: empty': '[]',
    'array: null': 'null',
    'array: nulls': '[null,null]',
    'array: mixed types': '[1,"a",true,null,{"b":[]},[2.50]]',
    'array: numbers past 2^53': '[9007199254740993,18446744073709551616,-0]',
    'array: 1000 deep': lists(1_000),
    'array: an object': '{"a":1}',
    'array: text': '"a"',
  }),
  ...casesOf('mixed', {
    'mixed: text': '"two"',
    'mixed: empty text': '""',
    'mixed: text that looks like a number': '"17"',
    'mixed: text null': '"null"',
    'mixed: integer': '9007199254740993',
    'mixed: number': '1.50',
    'mixed: boolean': 'false',
    'mixed: object': '{"a":1}',
    'mixed: list': '[1,[2]]',
    'mixed: null': 'null',
  }),
  {
    name: 'object: a struct of Parquet',
    type: 'object',
    value: '{"a":9007199254740993,"b":[{"c":"é"},null]}',
    parquet: `{'a': 9007199254740993::BIGINT, 'b': [{'c': 'é'}, NULL]}`,
  },
  {
    name: 'object: a map of Parquet',
    type: 'object',
    value: '{"k\\"":2,"":3}',
    parquet: `MAP {'k"': 2, '': 3}`,
  },
  {
    name: 'array: a list of Parquet',
    type: 'array',
    value: '[1.50,null,12345678901234567890123456789.12]',
    parquet: `[1.50, NULL, 12345678901234567890123456789.12]::DECIMAL(31, 2)[]`,
  },
  {
    name: 'number: NaN of Parquet',
    type: 'number',
    value: '"NaN"',
    parquet: `'nan'::DOUBLE`,
  },
  {
    name: 'number: -Infinity of Parquet',
    type: 'number',
    value: '"-Infinity"',
    parquet: `'-inf'::DOUBLE`,
  },
  {
    name: 'text: bytes of Parquet',
    type: 'string',
    value: '"AP8="',
    parquet: `'\\x00\\xFF'::BLOB`,
  },
];
