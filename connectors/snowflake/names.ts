// Names are stored in upper case, so that people write them without quotes; here they are in lower case, as the fields of most sources are. Two fields
// that differ only in case have two columns: the second one's name ends in its hash (see claimNames).

/** The spelling that a name has here, whatever case it was wanted in: `userId` is `userid`. Twice, as a capital `ẞ` is `ß`, which is `SS` there. */
export const spell = (name: string): string => folded(folded(name));
const folded = (name: string): string => name.toUpperCase().toLowerCase();

/** A name of the server, as it is spelled here. One that is not in upper case is nobody's of ours, and none of ours can be it. */
export const spelledHere = (name: string): string =>
  name === name.toUpperCase() ? name.toLowerCase() : name;

/** How the server spells a name. */
export const spelledThere = (name: string): string => name.toUpperCase();

export const quote = (name: string): string => `"${spelledThere(name).replaceAll('"', '""')}"`;

/** A path of names in full, quoted. */
export const pathOf = (...names: readonly string[]): string => names.map(quote).join('.');

/** A string constant, in which a backslash escapes (docs.snowflake.com: sql-reference/data-types-text). */
export const literal = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
