export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** The median, and from the lowest to the highest. */
export function range(values: readonly number[], digits: number): string {
  const low = Math.min(...values).toFixed(digits);
  return `${median(values).toFixed(digits)} (${low}–${Math.max(...values).toFixed(digits)})`;
}
