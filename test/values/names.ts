import type { PlacedCase, CaseStream } from './layout.ts';

const numbered = (fields: readonly string[]): readonly PlacedCase[] =>
  fields.map((field, i) => ({
    name: `name ${i}`,
    type: 'string',
    value: `"value ${i}"`,
    field,
  }));

/** Names of fields that some system would rather not have, each with a value that says which it is. */
const fields: readonly string[] = [
  ...['select', 'table', 'order', 'user', 'group', 'null', 'default', 'primary', 'column', 'end'],
  ...['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid', 'oid', 'rowid'],
  ...['Name', 'NAME', 'name', 'CASE', 'a b', 'a-b', 'a_b', 'a.b', 'a', 'A'],
  ...[`${'k'.repeat(199)}1`, `${'k'.repeat(199)}2`, 'l'.repeat(63), 'l'.repeat(64)],
  ...['é'.repeat(31), 'é'.repeat(32), `${'😀'.repeat(50)}1`, `${'😀'.repeat(50)}2`],
  ...['', ' ', ' a', 'a ', 'a"b', '"a"', "a'b", 'a`b', 'a\\b', 'a/b~c', 'a,b', 'a;b', '[0]', '*'],
  ...['$1', '%s', '${x}', '--', 'a\nb', 'a\tb', '0', '1', '10', '1e5', '-'],
  ...['é', 'e\u0301', '漢字', '😀', '\u212a', 'k', 'İ', 'i\u0307', 'ß', 'ẞ'],
  ...['_airbyte_raw_id', '_airbyte_extracted_at', '_airbyte_meta', '_airbyte_generation_id'],
  ...['_AIRBYTE_RAW_ID', '_airbyte_data', '_tidemark_data', '_tidemark_ordinal', '_tidemark'],
  ...['data', 'record', 'meta', 'fields', 'ordinal', 'rows', 'c0', 't0', 'f', 'd', 'e', 'key'],
  ...['__proto__', 'constructor', 'toString', 'length', 'then'],
  ...['\ufeffa', 'a\u0000b', 'a\ud83db'],
];

export const nameStream: CaseStream = { name: 'names', cases: numbered(fields) };

/** How a name is shown in a table of Markdown. */
export const shownName = (name: string): string => {
  const text = JSON.stringify(name)
    .slice(1, -1)
    .replace(
      /[\u0300-\u036f\ufeff\u212a]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    .replace(/\\"/g, '"');
  return text.replace(
    /^((?:.{12}))(.*)(.{10})$/su,
    (all, start: string, middle: string, end: string) =>
      middle.length > 50 ? `${start}…${end}` : all,
  );
};
