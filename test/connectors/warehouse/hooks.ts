import type { Warehouse } from '../../../connectors/kit/warehouse/warehouse.ts';

/** Runs before a statement that matches, once: the statement waits for it, and fails as it fails. */
export interface Hook {
  readonly sql: RegExp;
  readonly run: () => Promise<void> | void;
}

/** The warehouse, whose statements meet the hooks that are there by then. `said`: is told each of them. */
export const hooked = (
  warehouse: Warehouse,
  hooks: () => Hook[],
  said: (sql: string) => unknown = () => undefined,
): Warehouse => ({
  ...warehouse,
  async connect(abort, author) {
    const session = await warehouse.connect(abort, author);
    return {
      ...session,
      async query(sql, values) {
        said(sql);
        const at = hooks().findIndex((hook) => hook.sql.test(sql));
        if (at >= 0) await hooks().splice(at, 1)[0]!.run();
        return session.query(sql, values);
      },
    };
  },
});

/** An event that a test waits for, and one that it lets happen. */
export function gate(): {
  readonly reached: Promise<void>;
  readonly hold: () => Promise<void>;
  readonly open: () => void;
} {
  let open!: () => void;
  let reach!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const reached = new Promise<void>((resolve) => (reach = resolve));
  return {
    reached,
    open,
    hold() {
      reach();
      return opened;
    },
  };
}
