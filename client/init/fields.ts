import { isObject, pointed, type Json, type JsonObject } from '../../protocol/index.ts';

/** `$ref`s may lead in circles. */
const refsMax = 16;

/** A setting that a connector's spec describes. */
export interface Field {
  readonly key: string;
  /** As a person writes it: `source.tunnel.host`. */
  readonly path: string;
  readonly schema: JsonObject;
  readonly required: boolean;
  /** It, or what holds it, is marked `airbyte_secret`. */
  readonly secret: boolean;
}

/** What holds the fields, with `$ref` and `allOf` worked in. */
export interface Group {
  readonly path: string;
  readonly schema: JsonObject;
  readonly secret: boolean;
  /** The whole spec, for `$ref`. */
  readonly root: JsonObject;
}

export function resolved(given: Json | undefined, root: JsonObject): JsonObject {
  let schema = given;
  for (let i = 0; i < refsMax && isObject(schema) && typeof schema['$ref'] === 'string'; i += 1)
    schema = pointed(root, schema['$ref']);
  if (!isObject(schema)) return {};
  const { allOf, ...own } = schema;
  if (!Array.isArray(allOf)) return schema;
  return (allOf as Json[]).reduce<JsonObject>(
    (whole, part) => merged(whole, isObject(part) && part !== schema ? resolved(part, root) : {}),
    own,
  );
}

/** Both at once: the second's properties win, both lists of required keys count. */
export function merged(a: JsonObject, b: JsonObject): JsonObject {
  const properties = { ...propertiesOf(a), ...propertiesOf(b) };
  const required = [...new Set([...requiredOf(a), ...requiredOf(b)])];
  return { ...a, ...b, properties, required };
}

/** In the spec's `order`, else as it lists them. */
export function fieldsOf({ path, schema, secret, root }: Group): readonly Field[] {
  const required = requiredOf(schema);
  const orderOf = (one: Field): number => {
    const { order } = one.schema;
    return typeof order === 'number' ? order : Number.MAX_SAFE_INTEGER;
  };
  return Object.entries(propertiesOf(schema))
    .map(([key, given]): Field => {
      const own = resolved(given, root);
      return {
        key,
        path: `${path}.${key}`,
        schema: own,
        required: required.includes(key),
        secret: secret || own['airbyte_secret'] === true,
      };
    })
    .toSorted((a, b) => orderOf(a) - orderOf(b));
}

/** The forms that an object may have. None: it has one. */
export function variantsOf({ schema, root }: Group): readonly JsonObject[] {
  const list = schema['oneOf'] ?? schema['anyOf'];
  return Array.isArray(list) ? (list as Json[]).map((one) => resolved(one, root)) : [];
}

/** `Title`, else what sets it apart. */
export function variantName(variant: JsonObject): string {
  if (typeof variant['title'] === 'string') return variant['title'];
  const fixed = Object.values(propertiesOf(variant)).flatMap((one) => {
    const value = isObject(one) ? fixedValue(one) : undefined;
    return value === undefined ? [] : [typeof value === 'string' ? value : JSON.stringify(value)];
  });
  return fixed.length > 0 ? fixed.join(', ') : requiredOf(variant).join(', ');
}

/** The only value that there can be. */
export function fixedValue({ const: constant, enum: list }: JsonObject): Json | undefined {
  if (constant !== undefined) return constant;
  return Array.isArray(list) && list.length === 1 ? (list as Json[])[0] : undefined;
}

/** An object whose members are settings of their own. */
export function isGroup(schema: JsonObject): boolean {
  const { oneOf, anyOf } = schema;
  const forms = (oneOf ?? anyOf) as Json | undefined;
  const hasForms = Array.isArray(forms) && (forms as Json[]).every(isObjectSchema);
  return Object.keys(propertiesOf(schema)).length > 0 || (hasForms && typeOf(schema) !== 'string');
}

/** The type that is not null. */
export function typeOf({ type }: JsonObject): string | undefined {
  if (typeof type === 'string') return type;
  return Array.isArray(type)
    ? (type as Json[]).filter((one) => one !== 'null').map(String)[0]
    : undefined;
}

export function requiredOf({ required }: JsonObject): readonly string[] {
  return Array.isArray(required) ? (required as Json[]).map(String) : [];
}

export function propertiesOf({ properties }: JsonObject): JsonObject {
  return isObject(properties) ? properties : {};
}

function isObjectSchema(schema: Json): boolean {
  return isObject(schema) && ('properties' in schema || '$ref' in schema);
}
