import { isObject, pointed, type Json, type JsonObject } from '../protocol/index.ts';

/**
 * The schemas that may describe a value, `$ref`s followed and `oneOf`/`anyOf`/`allOf` opened. Branches that a constant rules out
 * (`auth_type: const`) are left out; of what remains undecided, all count.
 */
export function schemasFor(
  schema: Json | undefined,
  value: Json | undefined,
  root: JsonObject,
  seen: Set<JsonObject> = new Set(),
): readonly JsonObject[] {
  // `$ref`s may lead in circles.
  if (!isObject(schema) || seen.has(schema)) return [];
  seen.add(schema);
  const found: JsonObject[] = [schema];
  const open = (part: Json | undefined): void => {
    found.push(...schemasFor(part, value, root, seen));
  };
  if (typeof schema['$ref'] === 'string') open(pointed(root, schema['$ref']));
  for (const key of ['allOf', 'anyOf', 'oneOf'])
    for (const branch of listOf(schema[key])) if (!ruledOut(branch, value)) open(branch);
  for (const key of ['then', 'else']) open(schema[key]);
  return found;
}

/** The schemas of a member of an object. */
export function memberSchemas(
  schemas: readonly JsonObject[],
  key: string,
  value: Json | undefined,
  root: JsonObject,
): readonly JsonObject[] {
  return schemas.flatMap((schema) => {
    const { properties, patternProperties, additionalProperties } = schema;
    const parts: (Json | undefined)[] = [];
    if (isObject(properties) && Object.hasOwn(properties, key)) parts.push(properties[key]);
    if (isObject(patternProperties)) parts.push(...matching(patternProperties, key));
    if (parts.length === 0) parts.push(additionalProperties);
    return parts.flatMap((part) => schemasFor(part, value, root));
  });
}

/** The schemas of an item of a list. */
export function itemSchemas(
  schemas: readonly JsonObject[],
  index: number,
  value: Json | undefined,
  root: JsonObject,
): readonly JsonObject[] {
  return schemas.flatMap(({ items, additionalItems }) => {
    const part = Array.isArray(items) ? ((items as Json[])[index] ?? additionalItems) : items;
    return schemasFor(part, value, root);
  });
}

/** A leaf of a config, with the place it stands at and the schemas that may describe it. */
export interface ConfigValue {
  readonly value: Json;
  /** JSON path: `/tunnel/key`. */
  readonly path: string;
  readonly schemas: readonly JsonObject[];
  /** One of its ancestors, or itself, is marked `airbyte_secret`. */
  readonly secret: boolean;
}

/** A copy of the config with every leaf (what is neither object nor list) replaced by what `change` makes of it. */
export function mapLeaves(
  config: JsonObject,
  root: JsonObject,
  change: (leaf: ConfigValue) => Json,
): JsonObject {
  const walk = (
    value: Json | undefined,
    path: string,
    schemas: readonly JsonObject[],
    secretAbove: boolean,
  ): Json => {
    const secret = secretAbove || schemas.some((schema) => schema['airbyte_secret'] === true);
    if (Array.isArray(value))
      return (value as Json[]).map((item, i) =>
        walk(item, `${path}/${i}`, itemSchemas(schemas, i, item, root), secret),
      );
    if (isObject(value))
      return Object.fromEntries(
        Object.entries(value).map(([key, member]) => [
          key,
          walk(member, `${path}/${key}`, memberSchemas(schemas, key, member, root), secret),
        ]),
      );
    return change({ value: (value ?? null) as Json, path, schemas, secret });
  };
  return walk(config, '', schemasFor(root, config, root), false) as JsonObject;
}

function ruledOut(branch: Json, value: Json | undefined): boolean {
  if (!isObject(branch) || !isObject(value)) return false;
  const { properties } = branch;
  if (!isObject(properties)) return false;
  return Object.entries(properties).some(([key, schema]) => {
    const given = value[key];
    if (!isObject(schema) || given === undefined) return false;
    const { const: constant, enum: list } = schema;
    if (constant !== undefined) return constant !== given;
    return Array.isArray(list) && list.length === 1 && (list as Json[])[0] !== given;
  });
}

function matching(patterns: JsonObject, key: string): (Json | undefined)[] {
  return Object.entries(patterns).flatMap(([pattern, schema]) => {
    try {
      return new RegExp(pattern).test(key) ? [schema] : [];
    } catch {
      return [schema]; // not a pattern we can read: it may apply
    }
  });
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}
