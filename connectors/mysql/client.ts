import type { Connection, ConnectionOptions } from 'mysql2';
import type { Login, ServerConfig } from './config.ts';

const connectTimeoutMs = 15_000;
/** A statement waits this long for a lock, s; then the attempt fails and is retried. */
export const lockWaitS = 60;
/** How long the server keeps a session that has nothing to say, or nothing to hear, s: the other end may be slow or quiet for days. */
export const quietS = 7 * 24 * 3600;

export function clientOptions(
  { database, ...login }: Login,
  { ssl, ssl_ca }: ServerConfig,
): ConnectionOptions {
  return {
    ...login,
    ...(database !== null && { database }),
    ...{ charset: 'utf8mb4', connectTimeout: connectTimeoutMs, enableKeepAlive: true },
    ...(ssl === 'require' && { ssl: { rejectUnauthorized: false } }),
    ...(ssl === 'verify-full' && {
      ssl: {
        rejectUnauthorized: true,
        verifyIdentity: true,
        ...(ssl_ca !== undefined && { ca: ssl_ca }),
      },
    }),
  };
}

/** What every session sets first: names in double quotes, literals without escapes, times in UTC. `modes`: further ones of sql_mode. */
export const settingOf = (modes: readonly string[] = []): string =>
  `SET SESSION sql_mode = '${['ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES', ...modes].join(',')}', time_zone = '+00:00',
    autocommit = 1, lock_wait_timeout = ${lockWaitS}, wait_timeout = ${quietS}`;

/** Of what `version()` says. */
export const isMariadb = (version: string): boolean => /mariadb/i.test(version);

/** The driver's own `destroy` forgets what is pending. */
export function destroySocket(client: Connection): void {
  (client as unknown as { stream: { destroy(): void } }).stream.destroy();
}

/** A polite goodbye, which a server that hangs may not answer. */
export const sayGoodbye = (client: Connection, msMax: number): Promise<void> =>
  within(new Promise((resolve) => client.end(() => resolve())), msMax);

/** Waits no longer than that. */
export async function within(work: Promise<void>, msMax: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, msMax);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
