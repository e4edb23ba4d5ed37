/** A source that stops before record n until it is let through, its destination having committed what came before. */
export function gate(n: number) {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let reached = false;
  return {
    open: () => open(),
    isReached: () => reached,
    beforeRecord: async (_: string, at: number, { abort }: { readonly abort: AbortSignal }) => {
      if (at !== n) return;
      reached = true;
      const aborted = new Promise<void>((resolve) =>
        abort.addEventListener('abort', () => resolve()),
      );
      await Promise.race([opened, aborted]);
    },
  };
}
