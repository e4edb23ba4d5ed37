import { SyncError } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';
import { config, knownError, suspended, transient, type Known } from './known-errors.ts';
import { spelledThere } from './names.ts';

interface DriverError {
  /** Of the service six digits as text, of the driver a number, of Node a word. */
  readonly code?: unknown;
  readonly sqlState?: unknown;
  readonly message?: string;
  readonly cause?: unknown;
  readonly response?: { readonly statusCode?: number; readonly status?: number };
}

/** The service's or the driver's number; undefined: it is of neither. */
export function numberOf(error: unknown): number | undefined {
  const code = (error as DriverError | null)?.code;
  if (typeof code === 'number') return code;
  return typeof code === 'string' && /^\d+$/.test(code) ? Number(code) : undefined;
}

/** Node's word for what the network did. */
function wordOf(error: unknown): string | undefined {
  const { code, cause } = error as DriverError;
  const words = [code, (cause as DriverError | undefined)?.code];
  return words.find((one): one is string => typeof one === 'string' && /^[A-Z]/.test(one));
}

/** Waited too long for a table that another transaction has changed, or too many wait for it: the same statements may succeed now. */
export function isConflict(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { sqlState, message = '' } = error as DriverError;
  return (
    numberOf(error) === 625 ||
    sqlState === '40001' ||
    (sqlState === '57014' && /\block\b|\blocked\b|deadlock/i.test(message))
  );
}

/** There is no such object, or the role may not see it: the service does not tell which. */
export const isMissing = (error: unknown): boolean => [2003, 2043].includes(numberOf(error) ?? 0);

/** What was being done, for people. */
export interface Doing {
  /** Account and database. */
  readonly place: string;
  /** The warehouse that it runs in. */
  readonly warehouse: string;
  /** The right that it needs, as the statement that gives it. */
  readonly grant?: string;
}

/** Only of one that does not resume by itself. */
const isSuspended = (number: number | undefined): boolean => number === 608;

/**
 * The one place where the driver's errors become ours. The service's own messages stay in the cause: they may hold values.
 */
export function asSnowflakeError(
  error: unknown,
  abort: AbortSignal | undefined,
  { place, warehouse, grant }: Doing,
): SyncError {
  if (abort?.aborted === true) return aborted();
  if (error instanceof SyncError) return error;
  const number = numberOf(error);
  const told = number ?? wordOf(error);
  const { kind, message, remedy } = isSuspended(number)
    ? suspended(spelledThere(warehouse))
    : explained(error, number);
  const mayNot = number === 3001 || isMissing(error);
  return new SyncError(kind, message, {
    ...{ origin: 'destination', place, cause: error },
    remedy: mayNot && grant !== undefined ? `${grant};` : remedy,
    ...(told !== undefined && { facts: { code: told } }),
  });
}

function explained(error: unknown, number: number | undefined): Known {
  if (isConflict(error))
    return transient(
      'Another transaction holds a table.',
      'It is tried again by itself. See SHOW LOCKS for who holds it.',
    );
  const word = wordOf(error);
  if (word === 'ENOTFOUND')
    return config('The Snowflake account is unknown.', 'Check account or url in the config.');
  const known = number === undefined ? null : knownError(number);
  if (known !== null) return known;
  if (number === 401002) return refusedRequest(error as DriverError);
  if (typeof (error as { path?: unknown }).path === 'string')
    return transient(
      'The worker could not read or write a temporary file.',
      'Look at the disk where temporary files go (TMPDIR); it is tried again.',
    );
  if (number === undefined && !(error instanceof TypeError)) return unreachable;
  return {
    kind: 'system_error',
    message: 'Snowflake refused a statement.',
    remedy:
      'See the cause in the worker’s log and the statement in the query history, and report it.',
  };
}

const unreachable = transient(
  'Snowflake could not be reached.',
  'Check the network between the worker, the account and its storage; the next attempt goes on from the last checkpoint.',
);

/** By the status of the answer: of hosts that are no account’s, and of those that a network policy bars, it is 403. */
function refusedRequest({ response }: DriverError): Known {
  const status = response?.statusCode ?? response?.status ?? 0;
  if (status !== 403 && status !== 404) return unreachable;
  return config(
    'Snowflake has no such account, or does not answer this worker.',
    'Check account or url in the config, and the network policy of the account.',
  );
}
