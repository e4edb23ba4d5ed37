import type { JsonObject } from '../protocol/index.ts';
import { secretField } from './redact.ts';
import { mapLeaves } from './schema.ts';

/** The texts in a part of a config that may be secrets: what the spec marks, what it does not know, and what is called like one. */
export function secretsIn(config: JsonObject, schema: JsonObject): readonly string[] {
  const found: string[] = [];
  mapLeaves(config, schema, ({ value, path, schemas, secret }) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (typeof value === 'string' && (secret || schemas.length === 0 || secretField.test(name)))
      found.push(value);
    return value;
  });
  return found;
}
