import { SyncError } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';
import type { Origin } from './config.ts';
import { knownError, refusedCertificate, transient, type Known } from './known-errors.ts';

/** A lock's time limit, a deadlock: after these the same transaction may simply run again. */
const conflicts = new Set([1205, 1213]);

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
export function asMysqlError(
  error: unknown,
  abort?: AbortSignal,
  place?: string,
  origin: Origin = 'destination',
): SyncError {
  if (abort?.aborted === true) return aborted();
  if (error instanceof SyncError) return error;
  const number = numberOf(error);
  const told = number ?? codeOf(error);
  const { kind, message, remedy } = isCertificateRefused(error)
    ? refusedCertificate()
    : (knownError(told ?? '', origin) ?? unknownError(number, error));
  return new SyncError(kind, message, {
    origin,
    ...(place !== undefined && { place }),
    remedy,
    ...(told !== undefined && { facts: { code: told } }),
    cause: error,
  });
}

/** Shut down, interrupted, killed, waited too long, changed meanwhile: what passes. */
const passing = new Set([
  ...[1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184, 1205, 1213, 1317, 1412, 1615, 1637],
  ...[1927, 2006, 2013, 3058, 3100, 3101, 3168, 3169, 3572, 4031],
]);

function unknownError(number: number | undefined, error: unknown): Known {
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
