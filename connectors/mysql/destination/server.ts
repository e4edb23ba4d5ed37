import { SyncError } from '../../../protocol/index.ts';
import { exactFold, type Fold } from '../../kit/identifiers.ts';
import type { Row } from '../../kit/ledger-cells.ts';
import { isMariadb } from '../client.ts';

/** What must be known of a server to speak to it. */
export interface Server {
  /** Tells all texts apart, also by case and by spaces at the end. */
  readonly collation: string;
  /** How it tells databases and tables apart, by lower_case_table_names. */
  readonly foldTable: Fold;
}

/** First versions with such a collation, and with all else that is used. */
const versionsMin = { mysql: [8, 0, 19], mariadb: [10, 5, 0] } as const;

export async function serverOf(session: {
  query(sql: string): Promise<{ readonly rows: readonly Row[] }>;
}): Promise<Server> {
  const { rows } = await session.query(
    'SELECT version() AS version, @@lower_case_table_names AS folds',
  );
  const text = String(rows[0]!['version']);
  const isMaria = isMariadb(text);
  const version = (/(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  if (isOlder(version, versionsMin[isMaria ? 'mariadb' : 'mysql'])) throw tooOld(text);
  return {
    collation: isMaria ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin',
    foldTable: Number(rows[0]!['folds']) === 0 ? exactFold : foldName,
  };
}

function isOlder(version: readonly number[], min: readonly number[]): boolean {
  const at = min.findIndex((n, i) => n !== version[i]);
  return at >= 0 && (version[at] ?? 0) < min[at]!;
}

function tooOld(version: string): SyncError {
  return new SyncError('config_error', 'The MySQL server is too old.', {
    origin: 'destination',
    place: version,
    remedy: `Use MySQL ${versionsMin.mysql.join('.')} or MariaDB ${versionsMin.mariadb.join('.')}, or later.`,
  });
}

/** How columns are told apart: character by character, without case. Coarser than MySQL, whose lower case knows no context. */
export const foldName: Fold = (name) =>
  Array.from(name.replaceAll('İ', 'i'), (character) =>
    character.toLowerCase().toUpperCase().toLowerCase(),
  ).join('');
