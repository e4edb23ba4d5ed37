/**
 * Definitions (DDL) commit what was written before them in MySQL and Snowflake, and are not taken inside a transaction of BigQuery. So no destination
 * sends any between BEGIN and COMMIT, but for temporary tables, and where it makes the new data of a stream take the place of the old.
 */

interface Client {
  isOpen: boolean;
}

const begins = /^\s*(BEGIN|START\s+TRANSACTION)\b/i;
const ends = /^\s*(COMMIT|ROLLBACK|END)\b/i;
const defines = /(^|;)\s*(CREATE|ALTER|DROP|TRUNCATE|RENAME|GRANT|REVOKE|COMMENT)\b/i;
/** What a value says defines nothing. */
const literals = /'(?:[^']|'')*'/g;
const temporary =
  /^\s*(CREATE\s+(LOCAL\s+)?(TEMP|TEMPORARY)\s|DROP\s+TEMPORARY\s|(DROP|TRUNCATE)\s+(TABLE\s+)?(IF\s+EXISTS\s+)?(pg_temp|temp)\.)/i;

/** Of one system. */
export interface DdlGuard {
  /** A connection is about to run this. */
  said(connection: object, sql: string): void;
  /** Throws when a definition was sent inside a transaction since the last call. */
  check(): void;
}

/** `allowed`: what `publish` and `check` of the system may define inside their transaction. */
export function createDdlGuard(allowed: readonly RegExp[] = []): DdlGuard {
  const clients = new WeakMap<object, Client>();
  let offences: string[] = [];
  return {
    said(connection, sql) {
      const client = clients.get(connection) ?? { isOpen: false };
      clients.set(connection, client);
      const isAllowed = temporary.test(sql) || allowed.some((pattern) => pattern.test(sql));
      if (client.isOpen && !isAllowed && defines.test(sql.replace(literals, "''")))
        offences.push(sql.trim().slice(0, 200));
      if (begins.test(sql)) client.isOpen = true;
      if (ends.test(sql)) client.isOpen = false;
    },
    check() {
      const found = offences;
      offences = [];
      if (found.length > 0) throw new Error(`Sent between BEGIN and COMMIT:\n${found.join('\n')}`);
    },
  };
}

/** From now on each statement that goes through a driver's method is told first. */
export function listen<T extends object>(
  driver: { readonly prototype: T },
  method: keyof T & string,
  guard: Pick<DdlGuard, 'said'>,
): void {
  const prototype = driver.prototype as Record<string, (...args: unknown[]) => unknown>;
  const before = prototype[method]!;
  prototype[method] = function (this: object, ...args: unknown[]) {
    const sql = statementOf(args[0]);
    if (sql !== null) guard.said(this, sql);
    return before.apply(this, args);
  };
}

/** Drivers take a text, or an object with it. */
function statementOf(query: unknown): string | null {
  if (typeof query === 'string') return query;
  if (typeof query !== 'object' || query === null) return null;
  const { sql, text } = query as { sql?: unknown; text?: unknown };
  const found = sql ?? text;
  return typeof found === 'string' ? found : null;
}
