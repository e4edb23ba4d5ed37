/** Variables that every connector is given, beside those that connectors.yaml names for it. */
const always = /^(?:PATH|HOME|LANG|LC_[A-Z]+|TMPDIR|TZ)$/;

/** A connector's environment: nothing of the worker's own reaches it unless it is listed. */
export function connectorEnvironment(
  named: readonly string[],
  from: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const chosen = Object.entries(from).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (always.test(entry[0]) || named.includes(entry[0])),
  );
  return Object.fromEntries(chosen);
}
