import type { ConnectorRef, ConnectorSpecification, JsonObject } from '../../protocol/index.ts';
import type { TestWarehouse, WarehouseKind } from './warehouse.ts';

/** A warehouse as the destination of connections: its secrets are in the environment of the workers. */
export interface OpenedWarehouse {
  readonly warehouse: TestWarehouse<unknown>;
  readonly ref: ConnectorRef;
  /** Secrets by the names that the config refers to them by. */
  readonly env: Readonly<Record<string, string>>;
}

interface Opening {
  readonly warehouse: TestWarehouse<unknown>;
  readonly spec: ConnectorSpecification;
}

/** Loaded when one is wanted: most who look for a target want another. */
const openings: Readonly<Record<WarehouseKind, () => Promise<Opening>>> = {
  async snowflake() {
    const { snowflakeSpec: spec } = await import('../../connectors/snowflake/config.ts');
    return { spec, warehouse: await (await import('./snowflake.ts')).testSnowflake() };
  },
  async bigquery() {
    const { bigquerySpec: spec } = await import('../../connectors/bigquery/config.ts');
    return { spec, warehouse: await (await import('./bigquery.ts')).testBigQuery() };
  },
  async redshift() {
    const { redshiftSpec: spec } = await import('../../connectors/redshift/config.ts');
    return { spec, warehouse: await (await import('./redshift.ts')).testRedshift() };
  },
};

export async function openWarehouse(kind: WarehouseKind): Promise<OpenedWarehouse> {
  const { warehouse, spec } = await openings[kind]();
  const properties = spec.connectionSpecification['properties'] as Record<string, JsonObject>;
  const env: Record<string, string> = {};
  const config = Object.fromEntries(
    Object.entries(warehouse.config as Record<string, string>).map(([name, value]) => {
      if (properties[name]?.['airbyte_secret'] !== true) return [name, value];
      const variable = `E2E_${kind}_${name}`.toUpperCase();
      env[variable] = value;
      return [name, `\${env:${variable}}`];
    }),
  ) as JsonObject;
  return { warehouse, env, ref: { connector: kind, config } };
}
