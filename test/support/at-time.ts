/** What the work makes of this time, or of these, one each time that it looks at the clock; the last one stays. */
export async function atTime<T>(
  times: string | readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  const left = [times].flat().map((time) => Date.parse(time));
  const { now } = Date;
  Date.now = () => (left.length > 1 ? left.shift()! : left[0]!);
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}
