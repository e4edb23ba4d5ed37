type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that every connector is given, beside those that connectors.yaml names for it. */
const always = /^(?:PATH|HOME|LANG|LC_[A-Z]+|TMPDIR|TZ)$/;

/** A connector's environment: nothing of the worker's own reaches it unless it is listed. */
export function connectorEnvironment(
  named: readonly string[],
  from: Environment,
): Record<string, string> {
  const usual = Object.keys(from).filter((name) => always.test(name));
  return namedEnvironment([...usual, ...named], from);
}

/** The variables of these names, as far as they are set. */
export function namedEnvironment(
  named: readonly string[],
  from: Environment,
): Record<string, string> {
  const chosen = named.flatMap((name) => {
    const value = from[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(chosen);
}
