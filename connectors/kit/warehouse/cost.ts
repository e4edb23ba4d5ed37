import type { WarehouseCost } from '../../../protocol/index.ts';

/** Counts what a writer makes its warehouse do. */
export class CostMeter {
  #stagedBytes = 0;
  #busyMs = 0;

  /** Times work that the warehouse does. */
  async busy<T>(work: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    try {
      return await work();
    } finally {
      this.#busyMs += performance.now() - begun;
    }
  }

  staged(bytes: number): void {
    this.#stagedBytes += bytes;
  }

  /** Since the last call. */
  take(): WarehouseCost {
    const cost = { stagedBytes: this.#stagedBytes, busyMs: Math.round(this.#busyMs) };
    [this.#stagedBytes, this.#busyMs] = [0, 0];
    return cost;
  }
}
