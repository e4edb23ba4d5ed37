import { SyncError } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';
import { byCode, byMessage, byState, goesOn, transient, type Known } from './known-errors.ts';

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

const isState = (code: string | undefined): code is string =>
  code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E');

/** What the server says of an error. It may hold values: it is looked through, never passed on. */
function told(error: unknown): string {
  const { message = '', detail = '' } = (error ?? {}) as { message?: string; detail?: string };
  return `${message}\n${detail}`;
}

/** Those of Postgres; Redshift's own come as an internal error. */
const conflictStates = new Set(['40001', '40P01', '55P03']);
/**
 * 1023: two transactions that no order explains. 1018: a table that was replaced meanwhile.
 * (…/dg/c_serial_isolation-serializable-isolation-troubleshooting.html) The third is what databases of snapshot isolation say.
 */
const conflictText =
  /\b1023\b[^]*serializable isolation violation|serializable isolation violation on table|\b1018\b[^]*relation[^]*does not exist|conflict with concurrent transaction|deadlock detected/i;

export function isConflict(error: unknown): boolean {
  // The driver's, within ours where a stage has met it.
  const cause = error instanceof SyncError ? error.cause : error;
  const code = codeOf(cause);
  return isState(code) && (conflictStates.has(code) || conflictText.test(told(cause)));
}

/** The one place where the driver's errors become ours. The server's own messages stay in the cause. `place`: server and database, for people. */
export function asRedshiftError(error: unknown, abort?: AbortSignal, place?: string): SyncError {
  if (abort?.aborted === true) return aborted();
  if (error instanceof SyncError) return error;
  const code = codeOf(error);
  const { kind, message, remedy } = knownOf(error, code);
  return new SyncError(kind, message, {
    ...{ origin: 'destination', remedy, cause: error },
    ...(place !== undefined && { place }),
    ...(code !== undefined && { facts: { code } }),
  });
}

function knownOf(error: unknown, code: string | undefined): Known {
  if (isConflict(error))
    return transient(
      'Another transaction changed the same tables.',
      `Look for who else writes to them (stl_tr_conflict); ${goesOn}`,
    );
  const text = told(error);
  const byText = byMessage.find(([pattern]) => pattern.test(text))?.[1];
  if (byText !== undefined) return byText;
  if (code !== undefined && Object.hasOwn(byState, code)) return byState[code]!;
  if (code !== undefined && Object.hasOwn(byCode, code)) return byCode[code]!;
  if (!isState(code))
    return transient(
      'The connection to Redshift was lost.',
      `Check the cluster and the network between; ${goesOn}`,
    );
  // 08 connection, 40 and 55 conflicts, 53 resources, 57 operator, 58 system.
  if (['08', '40', '53', '55', '57', '58'].includes(code.slice(0, 2)))
    return transient('Redshift could not do it now.', `Look into its console; ${goesOn}`);
  return {
    kind: 'system_error',
    message: 'Redshift refused a statement.',
    remedy: "See the cause in the worker's log, and report it.",
  };
}
