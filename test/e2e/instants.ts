/** Numbers from 0 to 1 that look random and are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` instants of a run as fractions of it, ascending, each in its own share of the middle. */
export function instants(seed: number, count: number): readonly number[] {
  const random = seeded(seed);
  const [first, last] = [0.08, 0.92];
  const share = (last - first) / count;
  return Array.from({ length: count }, (_, i) => first + (i + random()) * share);
}
