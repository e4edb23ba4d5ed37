import { quoteIdentifier } from '../kit/identifiers.ts';

/** A string literal. In Redshift's a backslash escapes what follows it. (docs.aws.amazon.com/redshift/latest/dg/r_Examples_with_character_types.html) */
export const quoteLiteral = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

/** As names are kept, quoted or not, and as people write them: its letters of ASCII. (…/dg/r_names.html) */
export const lowerCase = (name: string): string =>
  name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

export const quoteName = (name: string): string => quoteIdentifier(lowerCase(name));

export const tableSql = (schema: string, table: string): string =>
  `${quoteName(schema)}.${quoteName(table)}`;

const tokens = /'(?:[^'\\]|\\[^]|'')*'|"(?:[^"]|"")*"|\?/g;

/** The statement with its `?` as the server knows them: `$1`, `$2`, …; those within literals and names stay. */
export function numbered(sql: string): string {
  let n = 0;
  return sql.replace(tokens, (token) => (token === '?' ? `$${(n += 1)}` : token));
}
