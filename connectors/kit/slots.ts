/** So many pieces of work at once; the others wait their turn. */
export type Slots = <T>(work: () => Promise<T>) => Promise<T>;

export function createSlots(slotsMax: number): Slots {
  let taken = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (taken >= slotsMax) await new Promise<void>((resolve) => waiting.push(resolve));
    else taken += 1;
    try {
      return await work();
    } finally {
      // The slot goes to who waits longest, or is free.
      const next = waiting.shift();
      if (next === undefined) taken -= 1;
      else next();
    }
  };
}
