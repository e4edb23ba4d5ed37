/** Every pair of values of two members, as texts. */
export function pairsOf(item: object): readonly string[] {
  const entries = Object.entries(item).map(([key, value]) => `${key}=${String(value)}`);
  return entries.flatMap((one, n) => entries.slice(n + 1).map((other) => `${one} ${other}`));
}

/**
 * A small part of the items in which every pair of values that any item has is there: those that are `always` in it, then greedily the one with
 * the most pairs that are missing, among equals one at random. The same items and numbers give the same part, in the order of the items.
 */
export function coverPairs<T extends object>(
  items: readonly T[],
  random: () => number,
  always: (item: T) => boolean = () => false,
): readonly T[] {
  const chosen = new Set(items.filter(always));
  const covered = new Set([...chosen].flatMap(pairsOf));
  const missing = new Set(items.flatMap(pairsOf).filter((pair) => !covered.has(pair)));
  while (missing.size > 0) {
    const gains = items.map((item) => pairsOf(item).filter((pair) => missing.has(pair)).length);
    const most = Math.max(...gains);
    const best = items.filter((_, n) => gains[n] === most);
    const next = best[Math.floor(random() * best.length)]!;
    chosen.add(next);
    for (const pair of pairsOf(next)) missing.delete(pair);
  }
  return items.filter((item) => chosen.has(item));
}
