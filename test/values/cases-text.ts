import { casesOf } from './cases-of.ts';
import type { ValueCase } from './cases.ts';

const MiB = 1024 * 1024;

export const textCases: readonly ValueCase[] = [
  ...casesOf('string', {
    'text: null': 'null',
    'text: absent key': null,
    'text: empty': '""',
    'text: the word null': '"null"',
    'text: the word NULL': '"NULL"',
    'text: \\N': '"\\\\N"',
    'text: plain': '"plain"',
    'text: spaces at both ends': '"  a b  "',
    'text: quotes': JSON.stringify(`a"b'c\`d""`),
    'text: newline': '"a\\nb"',
    'text: carriage return and newline': '"a\\r\\nb\\r"',
    'text: tab': '"\\ta\\t"',
    'text: backslashes': '"\\\\ \\\\n \\\\u0041 C:\\\\"',
    'text: control characters': '"\\u0001\\u0002\\u0008\\u000c\\u001f\\u007f"',
    'text: zero byte': '"a\\u0000b"',
    'text: only a zero byte': '"\\u0000"',
    'text: line separators of Unicode': '"a\\u2028b\\u2029c\\u0085d"',
    'text: byte order mark': '"\\ufeffa"',
    'text: letters beyond ASCII': '"é ß 漢字 العربية ไทย"',
    'text: emoji': '"😀 👩‍👩‍👧‍👦 🇩🇪"',
    'text: emoji, escaped': '"\\ud83d\\ude00"',
    'text: composed and decomposed': '"\\u00e9 e\\u0301"',
    'text: noncharacters': '"\\uffff \\ufffe"',
    'text: first half of a surrogate pair': '"a\\ud83d"',
    'text: second half of a surrogate pair': '"\\ude00a"',
    'text: halves in the wrong order': '"\\ude00\\ud83d"',
    'text: SQL': JSON.stringify(`'; DROP TABLE x; -- $1 \${x} %s`),
    'text: delimiters': '"a,b;c|d"',
    'text: a formula': '"=1+1"',
    'text: looks like a number': '"007"',
    'text: looks like JSON': '"{\\"a\\": 1}"',
    'text: looks like a day': '"2024-01-01"',
    'text: a number': '17',
    'text: a number of 25 digits': '1234567890123456789012345',
    'text: a boolean': 'true',
    'text: an object': '{"a":[1.50,"é"]}',
    'text: a list': '[]',
  }),
  ...casesOf('boolean', {
    'boolean: true': 'true',
    'boolean: false': 'false',
    'boolean: null': 'null',
    'boolean: text true': '"true"',
    'boolean: text TRUE': '"TRUE"',
    'boolean: text yes': '"yes"',
    'boolean: text t': '"t"',
    'boolean: empty text': '""',
    'boolean: 1': '1',
    'boolean: object': '{"a":true}',
  }),
];

export const largeCases: readonly ValueCase[] = casesOf('string', {
  'text: 1 MiB': JSON.stringify('x'.repeat(MiB)),
  'text: 1 MiB of emoji, quotes and newlines': JSON.stringify(
    '😀"\n'.repeat(MiB / 6).slice(0, MiB),
  ),
});
