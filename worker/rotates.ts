import { isObject, type Json, type JsonObject } from '../protocol/index.ts';
import { memberSchemas, schemasFor } from './schema.ts';

/**
 * True when a connector is likely to change its config as it runs: beside the refresh token that it is given its spec has a place for the time
 * when an access token expires, which nobody but the connector itself can know. So do Airbyte's connectors whose refresh tokens work once.
 */
export function mayRotate(config: JsonObject, schema: JsonObject): boolean {
  const walk = (value: Json | undefined, schemas: readonly JsonObject[]): boolean => {
    if (!isObject(value)) return false;
    const has = (key: string): boolean =>
      schemas.some(({ properties }) => isObject(properties) && Object.hasOwn(properties, key));
    if (typeof value['refresh_token'] === 'string' && has(expiry)) return true;
    return Object.entries(value).some(([key, member]) =>
      walk(member, memberSchemas(schemas, key, member, schema)),
    );
  };
  return walk(config, schemasFor(schema, config, schema));
}

const expiry = 'token_expiry_date';
