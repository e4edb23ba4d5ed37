import { isObject, type Json, type JsonObject } from '../protocol/index.ts';
import type { YamlValue } from './yaml-file.ts';

/** What a config must hold at a place for a bound secret to be used with it. `text` null: nothing. */
export interface BoundValue {
  readonly path: readonly string[];
  readonly text: string | null;
}
export type Binding = readonly BoundValue[];

/** Reads `only_with`: a mapping like the config itself, down to the values that count. */
export function readBinding(value: YamlValue, path: readonly string[] = []): Binding {
  return [...value.map('only_with')].flatMap(([key, member]) => {
    const at = [...path, key];
    if (member.isMapping) return readBinding(member, at);
    return [{ path: at, text: member.isEmpty ? null : member.scalar(`only_with ${pathText(at)}`) }];
  });
}

/**
 * The places at which a resolved config differs from the binding that it comes closest to; empty: it has all of its values. No bindings: the
 * secret is free.
 */
export function differences(bindings: readonly Binding[], config: JsonObject): readonly string[] {
  const all = bindings.map((binding) =>
    binding
      .filter(({ path, text }) => textAt(config, path) !== text)
      .map(({ path }) => pathText(path)),
  );
  return all.toSorted((a, b) => a.length - b.length)[0] ?? [];
}

const pathText = (path: readonly string[]): string => `/${path.join('/')}`;

/** null: there is nothing; undefined: something that no binding means, such as a list. */
function textAt(config: JsonObject, path: readonly string[]): string | null | undefined {
  let at: Json | undefined = config;
  for (const key of path) at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  if (at === undefined) return null;
  return at === null || typeof at === 'object' ? undefined : String(at);
}
