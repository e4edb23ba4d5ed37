// What Redshift makes of a statement, in Postgres' words. What Redshift has not, though Postgres does, is refused, so that a statement which
// passes here is one of Redshift's as far as its reference tells.

const tokens = /'(?:[^'\\]|\\[^]|'')*'|"(?:[^"]|"")*"/g;

/** Of Redshift alone. (docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html, …/cm_chap_ConfigurationRef.html) */
const unknownHere: readonly (readonly [RegExp, string])[] = [
  [/\bdiststyle\s+\w+/gi, ''],
  [/\b(?:compound\s+|interleaved\s+)?sortkey\s*(?:\([^)]*\)|auto\b|none\b)/gi, ''],
  [/\bdistkey\s*\([^)]*\)/gi, ''],
  [/\bencode\s+\w+/gi, ''],
  [/^\s*(set|show)\s+(?=(?:enable_case_sensitive_identifier|query_group)\b)/i, '$1 redshift.'],
  // …/dg/r_SYSDATE.html: in the zone of the session, which is UTC.
  [/\bsysdate\b/gi, "(now() AT TIME ZONE 'UTC')"],
];

/** Of Postgres alone. (…/dg/c_unsupported-postgresql-features.html, …/c_redshift-and-postgres-sql.html and the pages of the commands) */
const unknownThere: readonly RegExp[] = [
  /\bon\s+conflict\b/i,
  /\breturning\b/i,
  /\bcreate\s+(?:unique\s+)?index\b/i,
  /\bdistinct\s+on\b/i,
  /\bis\s+(?:not\s+)?distinct\s+from\b/i,
  /\bfilter\s*\(/i,
  /\blateral\b/i,
  /\(\s*values\b/i,
  /\b(?:add\s+column|alter\s+table|rename\s+column)\s+if\s+(?:not\s+)?exists\b/i,
  /\b(?:jsonb?|bytea|uuid|unnest|gen_random_uuid|string_agg|array_agg|generate_series)\b/i,
  /\b(?:any|all)\s*\(\s*(?:\$|array)/i,
  /\bdelete\s+from\s+[^\s;]+\s+(?!using\b|where\b)\w/i,
  // One column a statement. (…/dg/r_ALTER_TABLE.html)
  /^\s*alter\s+table\b[^]*,\s*(?:add|drop|alter)\s+column\b/i,
];

/** Statements that a transaction may not hold, or that end it. (…/dg/r_TRUNCATE.html, …/dg/r_ALTER_TABLE.html) */
const outsideOnly =
  /^\s*(?:truncate|vacuum|alter\s+table\s+[^]*\balter\s+column\b|alter\s+table\s+[^]*\bappend\b)/i;
/** Names have printable characters only, and no column one of these. (…/dg/r_names.html) */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const systemColumn = /^"(?:oid|tableoid|xmin|cmin|xmax|cmax|ctid)"$/i;
const definesColumns = /^\s*(?:create\s+table|alter\s+table\b[^]*\badd\s+column)\b/i;
/** Only the length of a text. */
const retyped = /\balter\s+column\s+\S+\s+type\s+(?!character varying|varchar)/i;

export function asPostgres(sql: string, inTransaction: boolean): string {
  const masked: string[] = [];
  const text = sql.replace(tokens, (token) => `\u0001${masked.push(token) - 1}\u0001`);
  if (unknownThere.some((pattern) => pattern.test(text)))
    return raising('42601', 'syntax error: no statement of Redshift');
  const names = masked.filter((token) => token.startsWith('"'));
  if (names.some((name) => unprintable.test(name)))
    return raising('42602', 'invalid name: it has characters that are not printable');
  if (definesColumns.test(text) && names.some((name) => systemColumn.test(name)))
    return raising('42701', 'column name conflicts with a system column name');
  if (retyped.test(text)) return raising('0A000', 'ALTER COLUMN TYPE is for the size of VARCHAR');
  if (inTransaction && outsideOnly.test(text))
    return raising('25001', 'the statement cannot run inside a transaction block');
  const known = unknownHere.reduce((one, [pattern, by]) => one.replace(pattern, by), text);
  // eslint-disable-next-line no-control-regex -- no statement has it
  return known.replace(/\u0001(\d+)\u0001/g, (_, n: string) => {
    const token = masked[Number(n)]!;
    // Names are in lower case, quoted or not. (…/dg/r_names.html)
    return token.startsWith('"') ? token.replace(/[A-Z]/g, (one) => one.toLowerCase()) : token;
  });
}

/** A statement that fails so: a transaction that it is in has failed then. */
export function raising(state: string, message: string): string {
  const text = message.replaceAll('\\', '\\\\').replaceAll("'", "''");
  return `DO $raise$ BEGIN RAISE EXCEPTION USING ERRCODE = '${state}', MESSAGE = '${text}'; END $raise$`;
}
