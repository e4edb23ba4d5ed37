/** A source that stops before record n until it is let through, its destination having committed what came before. */
export function gate(n: number) {
  const opened = new AbortController();
  let reached = 0;
  return {
    open: () => opened.abort(),
    isReached: () => reached > 0,
    /** How often a source came to the closed gate. */
    reached: () => reached,
    beforeRecord: async (_: string, at: number, { abort }: { readonly abort: AbortSignal }) => {
      if (at !== n || opened.signal.aborted) return;
      reached += 1;
      const passed = AbortSignal.any([opened.signal, abort]);
      if (!passed.aborted)
        await new Promise<void>((resolve) => passed.addEventListener('abort', () => resolve()));
    },
  };
}
