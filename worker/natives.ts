import { fromLoader } from '../engine/writer.ts';
import type { Destination, JsonObject, LoaderDestination, Source } from '../protocol/index.ts';
import type { Natives } from './registry.ts';

/** The systems that this project itself speaks to. Each is loaded with its driver when it is first used: together they cost half as much as all else that a worker loads. */
export const natives: Natives = {
  bigquery: {
    destination: async () =>
      destinationOf((await import('../connectors/bigquery/index.ts')).bigqueryDestination),
  },
  duckdb: {
    destination: async () =>
      destinationOf((await import('../connectors/duckdb/index.ts')).duckdbDestination),
  },
  files: {
    source: async () => sourceOf((await import('../connectors/files/index.ts')).filesSource),
    destination: async () =>
      destinationOf((await import('../connectors/files/index.ts')).filesDestination),
  },
  mysql: {
    source: async () => sourceOf((await import('../connectors/mysql/index.ts')).mysqlSource),
    destination: async () =>
      destinationOf((await import('../connectors/mysql/index.ts')).mysqlDestination),
  },
  postgres: {
    source: async () => sourceOf((await import('../connectors/postgres/index.ts')).postgresSource),
    destination: async () =>
      destinationOf((await import('../connectors/postgres/index.ts')).postgresDestination),
  },
  redshift: {
    destination: async () =>
      destinationOf((await import('../connectors/redshift/index.ts')).redshiftDestination),
  },
  s3: {
    source: async () => sourceOf((await import('../connectors/s3/index.ts')).s3Source),
    destination: async () =>
      destinationOf((await import('../connectors/s3/index.ts')).s3Destination),
  },
  snowflake: {
    destination: async () =>
      destinationOf((await import('../connectors/snowflake/index.ts')).snowflakeDestination),
  },
};

// The registry checks a config against the spec before any end sees it, so it has the type that the end declares.

function sourceOf<C>(native: Source<C>): Source<JsonObject> {
  return native as unknown as Source<JsonObject>;
}

function destinationOf<C>(native: LoaderDestination<C>): Destination<JsonObject> {
  return fromLoader(native) as Destination<C> as unknown as Destination<JsonObject>;
}
