/** Wakes one waiter; a wake that comes before the wait is not lost. Unlike Promise.race it leaves nothing behind on long-lived promises. */
export interface Latch {
  readonly wait: () => Promise<void>;
  readonly wake: () => void;
}

export function createLatch(): Latch {
  let woken = false;
  let resolve: (() => void) | undefined;
  return {
    async wait() {
      if (!woken) await new Promise<void>((done) => (resolve = done));
      woken = false;
      resolve = undefined;
    },
    wake() {
      woken = true;
      resolve?.();
    },
  };
}
