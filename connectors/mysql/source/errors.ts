import { SyncError, type FailureKind } from '../../../protocol/index.ts';
import { aborted } from '../../kit/gather.ts';

interface Mapping {
  readonly kind: FailureKind;
  readonly message: string;
  readonly remedy: string;
}

const grant =
  'Let the user read it: GRANT SELECT, SHOW VIEW ON `database`.* TO user; a view also needs that who made it may read its tables.';

/** By the servers' numbers, which MySQL and MariaDB share where not said otherwise. */
const byNumber: Readonly<Record<number, Mapping>> = {
  1044: config('The MySQL user may not use the database.', grant),
  1142: config('The MySQL user may not read a table.', grant),
  1143: config('The MySQL user may not read a column.', grant),
  1227: config('The MySQL user lacks a permission.', grant),
  1345: config('The MySQL user may not read a view.', grant),
  1356: config('A view cannot be read.', grant),
  1370: config('The MySQL user may not call a function that a view calls.', grant),
  1045: config('MySQL refused the login.', 'Check username and password, and ssl.'),
  1698: config('MySQL refused the login.', 'Check username and password, and ssl.'),
  1049: config('The database does not exist.', 'Name another in the config.'),
  1146: config('A table is not there any more.', 'Take its stream out of the connection.'),
  1054: config('A column is not there any more.', 'Run it again, with what the source offers now.'),
  3159: config('The MySQL server wants an encrypted connection.', 'Set ssl to require.'),
  1040: transient('MySQL has no free connection.', 'End other sessions, or raise max_connections.'),
  1203: transient('The user has too many connections.', 'Raise max_user_connections.'),
  1021: full(),
  1114: full(),
  3024: transient('A MySQL statement took longer than its limit.', 'Raise max_execution_time.'),
  1969: transient('A MariaDB statement took longer than its limit.', 'Raise max_statement_time.'),
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
  HANDSHAKE_SSL_ERROR: certificate(),
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
  return transient(
    'The disk of the MySQL server is full.',
    'Make room on the server’s disk: to sort a table it needs as much as the table has.',
  );
}
function certificate(): Mapping {
  return config(
    'The certificate of the MySQL server was refused.',
    'Check ssl and ssl_ca in the config, or the server’s certificate.',
  );
}

/** Shut down, interrupted, killed, waited too long, changed meanwhile: what passes. */
const passing = new Set([
  ...[1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184, 1205, 1213, 1317, 1412, 1615, 1637],
  ...[1927, 2006, 2013, 3058, 3100, 3101, 3168, 3169, 3572, 4031],
]);

/**
 * The one place where the driver's errors become ours. The server's own messages stay in the cause: they may hold values.
 * `place`: the server and its database, for people.
 */
export function asMysqlError(error: unknown, place: string, abort?: AbortSignal): SyncError {
  if (abort?.aborted === true) return aborted();
  if (error instanceof SyncError) return error;
  const { errno, code } = (error ?? {}) as { errno?: unknown; code?: unknown };
  const number = typeof errno === 'number' && errno >= 1000 ? errno : undefined;
  const found = number === undefined ? byNodeCode[String(code)] : byNumber[number];
  const { kind, message, remedy } = found ?? unknownError(number, error);
  const told = number ?? (typeof code === 'string' ? code : undefined);
  return new SyncError(kind, message, {
    ...{ origin: 'source', place, remedy, cause: error },
    ...(told !== undefined && { facts: { code: told } }),
  });
}

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
