import { aborted } from '../gather.ts';
import type { CostMeter } from './cost.ts';
import type { Author, Warehouse, WarehouseSession } from './warehouse.ts';

/** A session, for one user at a time. An abort destroys it, which ends what is pending at once. */
export class Turns {
  readonly #warehouse: Warehouse;
  readonly #session: WarehouseSession;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(warehouse: Warehouse, session: WarehouseSession) {
    this.#warehouse = warehouse;
    this.#session = session;
  }

  static async connect(
    warehouse: Warehouse,
    cost: CostMeter,
    author: Author,
    abort: AbortSignal,
  ): Promise<Turns> {
    if (abort.aborted) throw aborted();
    try {
      const session = await warehouse.connect(abort, author);
      return new Turns(warehouse, metered(session, cost));
    } catch (error) {
      throw warehouse.asError(error, abort);
    }
  }

  async alone<T>(abort: AbortSignal, work: (session: WarehouseSession) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#run(abort, work));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #run<T>(abort: AbortSignal, work: (session: WarehouseSession) => Promise<T>): Promise<T> {
    if (abort.aborted) throw aborted();
    const stop = (): void => this.#session.destroy();
    abort.addEventListener('abort', stop, { once: true });
    try {
      return await work(this.#session);
    } catch (error) {
      throw this.#warehouse.asError(error, abort);
    } finally {
      abort.removeEventListener('abort', stop);
    }
  }

  destroy(): void {
    this.#session.destroy();
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

const metered = (session: WarehouseSession, cost: CostMeter): WarehouseSession => ({
  ended: session.ended,
  query: (sql, values) => cost.busy(() => session.query(sql, values)),
  destroy: () => session.destroy(),
  close: () => session.close(),
});
