import type { StreamId } from '../../../protocol/index.ts';
import type { CostMeter } from './cost.ts';
import type { Turns } from './turns.ts';
import type { RowFile, Stage, Warehouse } from './warehouse.ts';

/** Names of parts' tables and files begin so, then come the connection and the part. */
export const partPrefix = '_tidemark_part_';

/** A table that a part's rows are loaded into, all of them texts. It is made with the first file. */
export class StagedTable {
  readonly stream: StreamId;
  readonly name: string;
  /** In full, quoted. */
  readonly sql: string;
  readonly #warehouse: Warehouse;
  readonly #turns: Turns;
  readonly #stage: Stage;
  readonly #cost: CostMeter;
  readonly #columns = new Set<string>();
  readonly #files: RowFile[] = [];
  #isLoaded = false;

  constructor(options: {
    readonly warehouse: Warehouse;
    readonly turns: Turns;
    readonly stage: Stage;
    readonly cost: CostMeter;
    readonly stream: StreamId;
    readonly name: string;
  }) {
    this.#warehouse = options.warehouse;
    this.#turns = options.turns;
    this.#stage = options.stage;
    this.#cost = options.cost;
    this.stream = options.stream;
    this.name = options.name;
    this.sql = this.#warehouse.dialect.table(this.#warehouse.schema, this.name);
  }

  hasColumn(name: string): boolean {
    return this.#columns.has(name);
  }

  async put(file: RowFile, abort: AbortSignal): Promise<void> {
    this.#files.push(file);
    await this.#turns.alone(abort, async (session) => {
      const { dialect } = this.#warehouse;
      const lacking = file.columns.filter((name) => !this.#columns.has(name));
      const definitions = lacking.map((name) => `${dialect.quote(name)} ${dialect.own.text}`);
      if (this.#columns.size === 0)
        await session.query(
          dialect.createStaged?.(this.sql, definitions) ??
            `CREATE TABLE ${this.sql} (${definitions.join(', ')})`,
        );
      else if (lacking.length > 0)
        for (const statement of dialect.addColumns(this.sql, definitions))
          await session.query(statement);
      for (const name of lacking) this.#columns.add(name);
    });
    await this.#told(abort, () => this.#stage.put(file, this.sql, abort));
    this.#cost.staged(file.bytes);
  }

  /** Once; called again it does nothing. */
  async load(abort: AbortSignal): Promise<void> {
    if (this.#isLoaded || this.#files.length === 0) return;
    for (const files of alike(this.#files))
      await this.#told(abort, () =>
        this.#cost.busy(() => this.#stage.load(this.sql, files, abort)),
      );
    this.#isLoaded = true;
  }

  /** The rows are committed, or not wanted. */
  async drop(abort: AbortSignal): Promise<void> {
    if (this.#columns.size === 0) return;
    await this.#turns.alone(abort, (session) => session.query(`DROP TABLE IF EXISTS ${this.sql}`));
    // With what follows in the names of its files: another part's may begin with this one's.
    await this.#told(abort, () => this.#stage.remove(`${this.name}-`));
  }

  async #told(abort: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw this.#warehouse.asError(error, abort);
    }
  }
}

/** Columns come while a part is written: the files before have fewer. */
function alike(files: readonly RowFile[]): readonly (readonly RowFile[])[] {
  const groups = new Map<string, RowFile[]>();
  for (const file of files) {
    const columns = JSON.stringify(file.columns);
    groups.set(columns, [...(groups.get(columns) ?? []), file]);
  }
  return [...groups.values()];
}
