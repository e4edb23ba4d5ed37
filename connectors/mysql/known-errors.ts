import type { FailureKind } from '../../protocol/index.ts';
import type { Origin } from './config.ts';

/** What a person is told of an error. */
export interface Known {
  readonly kind: FailureKind;
  readonly message: string;
  readonly remedy: string;
}

/** By the servers' numbers, which MySQL and MariaDB share where not said otherwise. */
const byNumber: Readonly<Record<number, Known>> = {
  1045: config('MySQL refused the login.', 'Check username and password, and ssl.'),
  1698: config('MySQL refused the login.', 'Check username and password, and ssl.'),
  3159: config(
    'The MySQL server wants an encrypted connection.',
    'Set ssl to verify-full or require in the config.',
  ),
  1040: transient('MySQL has no free connection.', 'End other sessions, or raise max_connections.'),
  1203: transient('The user has too many connections.', 'Raise max_user_connections.'),
  3024: transient('A MySQL statement took longer than its limit.', 'Raise max_execution_time.'),
  1969: transient('A MariaDB statement took longer than its limit.', 'Raise max_statement_time.'),
};

const rights =
  'Grant it on the database: GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, CREATE TEMPORARY TABLES ON `database`.* TO user.';
const readRights =
  'Let the user read it: GRANT SELECT, SHOW VIEW ON `database`.* TO user; a view also needs that who made it may read its tables.';

/** What only one end can meet, or what is otherwise there. */
const byEnd: Readonly<Record<Origin, Readonly<Record<number, Known>>>> = {
  destination: {
    1044: config('The MySQL user may not use the database.', rights),
    1142: config('The MySQL user lacks a permission.', rights),
    1143: config('The MySQL user lacks a permission.', rights),
    1370: config('The MySQL user lacks a permission.', rights),
    1227: config('The MySQL user lacks a permission.', rights),
    1049: config('The database does not exist.', 'Create it, or name another in the config.'),
    1290: readOnly(),
    1792: readOnly(),
    1836: readOnly(),
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
    1021: full('Make room on the server’s disk.'),
    1114: full('Make room on the server’s disk.'),
  },
  source: {
    1044: config('The MySQL user may not use the database.', readRights),
    1142: config('The MySQL user may not read a table.', readRights),
    1143: config('The MySQL user may not read a column.', readRights),
    1227: config('The MySQL user lacks a permission.', readRights),
    1345: config('The MySQL user may not read a view.', readRights),
    1356: config('A view cannot be read.', readRights),
    1370: config('The MySQL user may not call a function that a view calls.', readRights),
    1049: config('The database does not exist.', 'Name another in the config.'),
    1146: config('A table is not there any more.', 'Take its stream out of the connection.'),
    1054: config(
      'A column is not there any more.',
      'Run it again, with what the source offers now.',
    ),
    1021: full(sortingRoom()),
    1114: full(sortingRoom()),
  },
};

/** The driver's, Node's and OpenSSL's: of both ends. */
const byCode: Readonly<Record<string, Known>> = {
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
  DEPTH_ZERO_SELF_SIGNED_CERT: refusedCertificate(),
  SELF_SIGNED_CERT_IN_CHAIN: refusedCertificate(),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: refusedCertificate(),
  ERR_TLS_CERT_ALTNAME_INVALID: refusedCertificate(),
  CERT_HAS_EXPIRED: refusedCertificate(),
};

/** `told`: the server's number, or else the code. */
export const knownError = (told: number | string, origin: Origin): Known | undefined =>
  typeof told === 'string' ? byCode[told] : (byEnd[origin][told] ?? byNumber[told]);

function config(message: string, remedy: string): Known {
  return { kind: 'config_error', message, remedy };
}
export function transient(message: string, remedy: string): Known {
  return { kind: 'transient_error', message, remedy };
}
function full(remedy: string): Known {
  return transient('The disk of the MySQL server is full.', remedy);
}
function sortingRoom(): string {
  return 'Make room on the server’s disk: to sort a table it needs as much as the table has.';
}
function readOnly(): Known {
  return config('The MySQL server is read-only.', 'Name the primary server in the config.');
}
function localInfile(): Known {
  return config(
    'The MySQL server takes no data from its clients.',
    'SET GLOBAL local_infile = 1, and keep it in the server’s configuration.',
  );
}
function primaryKey(): Known {
  return config(
    'The MySQL server wants a primary key for every table.',
    'SET GLOBAL sql_generate_invisible_primary_key = ON, or sql_require_primary_key = OFF; MariaDB: innodb_force_primary_key = OFF.',
  );
}
export function refusedCertificate(): Known {
  return config(
    'The certificate of the MySQL server was refused.',
    'Check ssl and ssl_ca in the config, or the server’s certificate.',
  );
}
