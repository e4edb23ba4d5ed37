import { createHash } from 'node:crypto';

/** Postgres cuts longer names silently, so longer ones are shortened here, where two of them can be told apart. */
export const identifierBytesMax = 63;
const hashLength = 8;

export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** An SQL string literal, for sessions without backslash escapes: the default of Postgres and DuckDB, and set in MySQL's (NO_BACKSLASH_ESCAPES). */
export const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export function shortHash(text: string, length = hashLength): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

/** False for what no system keeps as a name: with a NUL, or half a surrogate pair. */
export const isNameable = (name: string): boolean =>
  !name.includes('\0') && Buffer.from(name).toString() === name;

/** Cuts at a character's border, never inside it. */
function cutBytes(name: string, bytesMax: number): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= bytesMax) return name;
  let end = bytesMax;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/** A NUL, and a byte order mark at the beginning: no name in a database has them. */
const invisible = /\0|^\ufeff/g;
/**
 * What a system's names have not, beside that. `bmp`, MySQL: characters beyond the Basic Multilingual Plane, spaces at the end. `words`, BigQuery: some
 * punctuation, and beginnings of its own. `printable`, Redshift: what nobody sees.
 */
export type Narrow = false | 'bmp' | 'words' | 'printable';

const beyond: Readonly<Record<Exclude<Narrow, false>, RegExp>> = {
  bmp: /[\u{10000}-\u{10ffff}]|\s+$/gu,
  words:
    /[^\p{L}\p{M}\p{N}\p{Pc}\p{Pd} ]|^(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP)+|^ +| +$/giu,
  printable: /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
};

/** `name` with a hash of itself, within the limit: unique however alike two names are. `narrow`: see Naming. */
export function hashedName(name: string, narrow: Narrow = false): string {
  const visible = name.replace(invisible, '');
  const seen = narrow === false ? visible : visible.replace(beyond[narrow], '');
  return `${cutBytes(seen, identifierBytesMax - hashLength - 1)}_${shortHash(name)}`;
}

/** How a system tells names apart: DuckDB ignores case. */
export type Fold = (name: string) => string;
export const exactFold: Fold = (name) => name;
export const caseFold: Fold = (name) => name.toLowerCase();

export interface Naming {
  readonly fold: Fold;
  /** Names that exist already, as the system spells them. */
  readonly existing: readonly string[];
  /** Names that may never be given out. */
  readonly reserved: readonly string[];
  /** The one spelling that a system which folds names gives them, in which `existing` are; idempotent. Absent: as they are wanted. */
  readonly spell?: Spell | undefined;
  /** Absent: names have all characters that can be seen. */
  readonly narrow?: Narrow | undefined;
}

/** How a name is spelled in a system. */
export type Spell = (name: string) => string;
export const asWanted: Spell = (name) => name;

/**
 * A name in the database for each wanted one: verbatim where that is possible, else hashed. Stable: a name that exists is found again,
 * whatever the order and company of the wanted ones.
 */
export function claimNames(wanted: readonly string[], naming: Naming): Map<string, string> {
  const { fold, existing, narrow = false, spell = asWanted } = naming;
  const taken = new Set(naming.reserved.map(fold));
  const present = new Set(existing);
  const claimed = new Map<string, string>();
  const claim = (want: string, name: string): void => {
    claimed.set(want, name);
    taken.add(fold(name));
  };
  for (const want of wanted) {
    const [own, hashed] = [spell(want), spell(hashedName(want, narrow))];
    if (present.has(hashed)) claim(want, hashed);
    else if (present.has(own) && !taken.has(fold(own))) claim(want, own);
  }
  for (const name of existing) taken.add(fold(name));
  for (const want of wanted) {
    if (claimed.has(want)) continue;
    const fits =
      want !== '' &&
      want.search(invisible) < 0 &&
      !(narrow !== false && want.search(beyond[narrow]) >= 0) &&
      Buffer.byteLength(want) <= identifierBytesMax;
    const own = spell(want);
    claim(want, fits && !taken.has(fold(own)) ? own : spell(hashedName(want, narrow)));
  }
  return claimed;
}
