import { SyncError, type FailureKind } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';

/** SQLSTATE of a value that does not fit a type, and its class; see `isDataError`. */
const dataClass = '22';
/** Conflicts after which the same transaction may simply run again. */
const conflicts = new Set(['40001', '40P01', '55P03']);

interface Mapping {
  readonly kind: FailureKind;
  readonly message: string;
  readonly remedy?: string;
}

const bySqlState: Readonly<Record<string, Mapping>> = {
  '28P01': config('Postgres refused the password.', 'Check username and password.'),
  '28000': config('Postgres refused the login.', 'Check the user, pg_hba.conf and ssl.'),
  '3D000': config('The database does not exist.', 'Create it, or name another in the config.'),
  '42501': config(
    'The Postgres user lacks a permission.',
    'Grant it CREATE and USAGE on the schema and TEMPORARY on the database, and make it the owner of the tables.',
  ),
  '25006': config('The Postgres server is read-only.', 'Name the primary server in the config.'),
  '54011': config('The table has too many columns.', 'Put changing keys into one object field.'),
  '54000': config(
    'A value or a row is too large for Postgres.',
    'Use a shorter primary key; or, where a record has hundreds of long values (a row takes some 450), leave fields out with columns, or put them into one object at the source.',
  ),
  '57014': transient(
    'A Postgres statement took longer than its limit.',
    'Look for locks and load on the server (pg_stat_activity); the batch is tried again.',
  ),
  '53300': transient(
    'Postgres has no free connection.',
    'End other sessions, or raise max_connections.',
  ),
  '53100': transient('The disk of the Postgres server is full.', 'Make room on the server’s disk.'),
  '25P03': transient(
    'Postgres ended an idle transaction.',
    'Raise idle_in_transaction_session_timeout for this user.',
  ),
};

/** What is otherwise with a source. */
const ofReading: Readonly<Record<string, Mapping>> = {
  '42501': config(
    'The Postgres user may not read this.',
    'Grant it USAGE on the schema and SELECT on the table.',
  ),
  '57014': transient(
    'A Postgres statement took longer than its limit, or was cancelled.',
    'Look for load on the server (pg_stat_activity); the next attempt goes on from the last checkpoint.',
  ),
  '55P03': transient(
    'A table of the source was locked for too long.',
    'Look for what holds it (pg_locks); the next attempt goes on from the last checkpoint.',
  ),
  '40001': transient(
    'The standby ended the read, as it had to go on with what its primary did.',
    'Raise max_standby_streaming_delay or set hot_standby_feedback on the standby; the next attempt goes on from the last checkpoint.',
  ),
  '42P01': transient(
    'A table of the source is gone.',
    'Put it back, or take its stream out of the connection.',
  ),
};

const byNodeCode: Readonly<Record<string, Mapping>> = {
  ENOTFOUND: config('The Postgres host is unknown.', 'Check host in the config.'),
  ECONNREFUSED: transient(
    'Postgres refused the connection.',
    'Check that the server runs, and host and port in the config as seen from the worker.',
  ),
  EAI_AGAIN: transient(
    'The Postgres host could not be looked up.',
    'Check the worker’s name service.',
  ),
  DEPTH_ZERO_SELF_SIGNED_CERT: certificate(),
  SELF_SIGNED_CERT_IN_CHAIN: certificate(),
  ERR_TLS_CERT_ALTNAME_INVALID: certificate(),
  CERT_HAS_EXPIRED: certificate(),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate(),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificate(),
};

function config(message: string, remedy: string): Mapping {
  return { kind: 'config_error', message, remedy };
}
function transient(message: string, remedy: string): Mapping {
  return { kind: 'transient_error', message, remedy };
}
function certificate(): Mapping {
  return config(
    'The certificate of the Postgres server was refused.',
    'Check ssl and ssl_ca in the config, or the server’s certificate.',
  );
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

const isSqlState = (code: string): boolean => /^[0-9A-Z]{5}$/.test(code);

/** A value that does not fit, or text that the server can't read. */
export function isDataError(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return isSqlState(code) && (code.startsWith(dataClass) || code === '54001' || code === '23502');
}

export function isConflict(error: unknown): boolean {
  return conflicts.has(codeOf(error) ?? '');
}

/**
 * The one place where the driver's errors become ours. Postgres' own messages stay in the cause: they may hold values.
 * `place`: the server and its database, for people.
 */
export function asPostgresError(
  error: unknown,
  abort?: AbortSignal,
  place?: string,
  origin: 'source' | 'destination' = 'destination',
): SyncError {
  if (abort?.aborted === true) return aborted();
  if (error instanceof SyncError) return error;
  const code = codeOf(error);
  const { kind, message, remedy } = mappingOf(error, origin);
  return new SyncError(kind, message, {
    origin,
    ...(place !== undefined && { place }),
    ...(remedy !== undefined && { remedy }),
    ...(code !== undefined && { facts: { code } }),
    cause: error,
  });
}

/** The driver gives it no code. */
const isUnencrypted = (error: unknown): boolean =>
  error instanceof Error && /does not support SSL connections/.test(error.message);
const unencrypted = config(
  'The Postgres server does not encrypt.',
  'Turn ssl on there; or set ssl to disable, if the way there is safe.',
);
/** One of our own. */
const defect: Mapping = {
  kind: 'system_error',
  message: 'Tidemark could not do what it does with Postgres.',
  remedy: "Report it with the cause that stands in the worker's log.",
};

function mappingOf(error: unknown, origin: 'source' | 'destination'): Mapping {
  const code = codeOf(error);
  if (error instanceof TypeError || error instanceof RangeError) return defect;
  if (isUnencrypted(error)) return unencrypted;
  if (code === undefined) return unknownError(code);
  const whileReading = origin === 'source' ? ofReading[code] : undefined;
  return whileReading ?? bySqlState[code] ?? byNodeCode[code] ?? unknownError(code);
}

function unknownError(code: string | undefined): Mapping {
  if (code === undefined || !isSqlState(code))
    return transient(
      'The connection to Postgres was lost.',
      'Check the server and the network between; the next attempt goes on from the last checkpoint.',
    );
  // 08 connection, 40 and 55 conflicts, 53 resources, 57 operator, 58 system.
  if (['08', '40', '53', '55', '57', '58'].includes(code.slice(0, 2)))
    return transient(
      'Postgres could not do it now.',
      'Look into the server’s log; the next attempt goes on from the last checkpoint.',
    );
  return {
    kind: 'system_error',
    message: 'Postgres refused a statement.',
    remedy:
      "Look the code up in Postgres' list of error codes, and report it with the worker's log.",
  };
}
