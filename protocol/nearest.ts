// Workflows guess no names, so this is not in index.ts, which every workflow carries.

const editsMaxPerLetter = 1 / 3;
/** Two swapped letters are two edits. */
const editsMaxAtLeast = 2;

/** The known name that was probably meant, or undefined when none is close. Case counts for nothing. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  // Two edits make any name of two letters into any other.
  const editsMax =
    name.length < 3 ? 1 : Math.max(editsMaxAtLeast, Math.floor(name.length * editsMaxPerLetter));
  const ranked = known
    .map((candidate) => ({
      candidate,
      edits: editsBetween(name.toLowerCase(), candidate.toLowerCase()),
    }))
    .filter(({ edits }) => edits <= editsMax)
    .toSorted((a, b) => a.edits - b.edits);
  return ranked[0]?.candidate;
}

/** For a remedy: the name that was probably meant, else all there are. */
export function suggestion(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  if (meant !== undefined) return `Did you mean ${meant}?`;
  return known.length === 0 ? 'There is none.' : `Known: ${known.join(', ')}.`;
}

function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j += 1)
      next.push(Math.min(row[j - 1]! + (a[i] === b[j - 1] ? 0 : 1), row[j]! + 1, next[j - 1]! + 1));
    row = next;
  }
  return row[b.length]!;
}
