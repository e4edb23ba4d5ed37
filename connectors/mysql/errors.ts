import { SyncError, type FailureKind } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';

/** A lock's time limit, a deadlock: after these the same transaction may simply run again. */
const conflicts = new Set([1205, 1213]);

interface Mapping {
  readonly kind: FailureKind;
  readonly message: string;
  readonly remedy: string;
}

const rights =
  'Grant it on the database: GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, CREATE TEMPORARY TABLES ON `database`.* TO user.';

/** By the servers' numbers, which MySQL and MariaDB share where not said otherwise. */
const byNumber: Readonly<Record<number, Mapping>> = {
  1044: config('The MySQL user may not use the database.', rights),
  1045: config('MySQL refused the login.', 'Check username and password, and ssl.'),
  1698: config('MySQL refused the login.', 'Check username and password, and ssl.'),
  1049: config('The database does not exist.', 'Create it, or name another in the config.'),
  1142: config('The MySQL user lacks a permission.', rights),
  1143: config('The MySQL user lacks a permission.', rights),
  1370: config('The MySQL user lacks a permission.', rights),
  1227: config('The MySQL user lacks a permission.', rights),
  1290: config('The MySQL server is read-only.', 'Name the primary server in the config.'),
  1792: config('The MySQL server is read-only.', 'Name the primary server in the config.'),
  1836: config('The MySQL server is read-only.', 'Name the primary server in the config.'),
  3159: config(
    'The MySQL server wants an encrypted connection.',
    'Set ssl to verify-full or require in the config.',
  ),
  1148: localInfile(),
  3948: localInfile(),
  4166: localInfile(),
  1117: config('The table has too many columns.', 'Put changing keys into one object field.'),
  1118: config(
    'A row is too large for MySQL.',
    'A row takes some 8,000 bytes beside its long texts, of which it keeps 40 bytes each. Leave fields out with columns, or put them into one object at the source. Where the table could not even be made: SET PERSIST innodb_strict_mode = OFF (MariaDB: SET GLOBAL).',
  ),
  1071: config('The primary key is too long for MySQL.', 'Use a primary key of fewer fields.'),
  1406: config(
    'The name of a stream or a connection is too long.',
    'Give the stream a shorter name or namespace at the source.',
  ),
  1153: config('A value is larger than a packet of MySQL.', 'Raise max_allowed_packet.'),
  1451: config(
    'Rows of another table refer to rows that are to be replaced.',
    'Drop the foreign key on that table, or let it cascade.',
  ),
  3750: primaryKey(),
  1173: primaryKey(),
  1040: transient('MySQL has no free connection.', 'End other sessions, or raise max_connections.'),
  1203: transient('The user has too many connections.', 'Raise max_user_connections.'),
  1021: full(),
  1114: full(),
  3024: transient('A MySQL statement took longer than its limit.', 'Raise max_execution_time.'),
};

const byNodeCode: Readonly<Record<string, Mapping>> = {
  ENOTFOUND: config('The MySQL host is unknown.', 'Check host in the config.'),
  ECONNREFUSED: transient(
    'MySQL refused the connection.',
    'Check that the server runs, and host and port in the config as seen from the worker.',
  ),
  EAI_AGAIN: transient(
    'The MySQL host could not be looked up.',
    'Check the worker’s name service.',
  ),
  HANDSHAKE_NO_SSL_SUPPORT: config(
    'The MySQL server does not encrypt.',
    'Set ssl to disable in the config, or configure TLS on the server.',
  ),
  AUTH_SWITCH_PLUGIN_ERROR: config(
    'The MySQL user logs in by a method that is not supported.',
    'Let the user have a password by caching_sha2_password or mysql_native_password.',
  ),
  DEPTH_ZERO_SELF_SIGNED_CERT: certificate(),
  SELF_SIGNED_CERT_IN_CHAIN: certificate(),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate(),
  ERR_TLS_CERT_ALTNAME_INVALID: certificate(),
  CERT_HAS_EXPIRED: certificate(),
};

function config(message: string, remedy: string): Mapping {
  return { kind: 'config_error', message, remedy };
}
function transient(message: string, remedy: string): Mapping {
  return { kind: 'transient_error', message, remedy };
}
function full(): Mapping {
  return transient('The disk of the MySQL server is full.', 'Make room on the server’s disk.');
}
function localInfile(): Mapping {
  return config(
    'The MySQL server takes no data from its clients.',
    'SET GLOBAL local_infile = 1, and keep it in the server’s configuration.',
  );
}
function primaryKey(): Mapping {
  return config(
    'The MySQL server wants a primary key for every table.',
    'SET GLOBAL sql_generate_invisible_primary_key = ON, or sql_require_primary_key = OFF; MariaDB: innodb_force_primary_key = OFF.',
  );
}
function certificate(): Mapping {
  return config(
    'The certificate of the MySQL server was refused.',
    'Check ssl and ssl_ca in the config, or the server’s certificate.',
  );
}

/** The server's number of an error; undefined: it is not the server's. */
export function numberOf(error: unknown): number | undefined {
  const number = (error as { errno?: unknown } | null)?.errno;
  return typeof number === 'number' && number >= 1000 ? number : undefined;
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Whatever goes wrong while encryption begins has one code, also a connection that is lost. */
const isCertificateRefused = (error: unknown): boolean =>
  codeOf(error) === 'HANDSHAKE_SSL_ERROR' &&
  /certificate|altname|issuer|self.signed/i.test((error as Error).message);

export const isConflict = (error: unknown): boolean => conflicts.has(numberOf(error) ?? 0);

/**
 * The one place where the driver's errors become ours. The server's own messages stay in the cause: they may hold values.
 * `place`: the server and its database, for people.
 */
export function asMysqlError(error: unknown, abort?: AbortSignal, place?: string): SyncError {
  if (abort?.aborted === true) return aborted();
  if (error instanceof SyncError) return error;
  const [number, code] = [numberOf(error), codeOf(error)];
  const found =
    number !== undefined
      ? byNumber[number]
      : isCertificateRefused(error)
        ? certificate()
        : byNodeCode[code ?? ''];
  const { kind, message, remedy } = found ?? unknownError(number, error);
  const told = number ?? code;
  return new SyncError(kind, message, {
    origin: 'destination',
    ...(place !== undefined && { place }),
    remedy,
    ...(told !== undefined && { facts: { code: told } }),
    cause: error,
  });
}

/** Shut down, interrupted, killed, too many connections, waited too long: what passes. */
const passing = new Set([
  ...[1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184, 1205, 1213, 1317, 1412, 1615, 1637],
  ...[1927, 2006, 2013, 3058, 3100, 3101, 3168, 3169, 3572, 4031],
]);

function unknownError(number: number | undefined, error: unknown): Mapping {
  if (number === undefined && !(error instanceof TypeError))
    return transient(
      'The connection to MySQL was lost.',
      'Check the server and the network between; the next attempt goes on from the last checkpoint.',
    );
  if (number !== undefined && passing.has(number))
    return transient(
      'MySQL could not do it now.',
      'Look into the server’s log; the next attempt goes on from the last checkpoint.',
    );
  return {
    kind: 'system_error',
    message: 'MySQL refused a statement.',
    remedy: "Look the number up among MySQL's errors, and report it with the worker's log.",
  };
}
