import { duckdbDestination } from '../connectors/duckdb/index.ts';
import { filesDestination, filesSource } from '../connectors/files/index.ts';
import { mysqlDestination, mysqlSource } from '../connectors/mysql/index.ts';
import { postgresDestination, postgresSource } from '../connectors/postgres/index.ts';
import { s3Destination, s3Source } from '../connectors/s3/index.ts';
import { fromLoader } from '../engine/writer.ts';
import type { Destination, JsonObject, LoaderDestination, Source } from '../protocol/index.ts';
import type { Natives } from './registry.ts';

/** The systems that this project itself speaks to. */
export const natives: Natives = {
  duckdb: { destination: destinationOf(duckdbDestination) },
  files: { source: sourceOf(filesSource), destination: destinationOf(filesDestination) },
  mysql: { source: sourceOf(mysqlSource), destination: destinationOf(mysqlDestination) },
  postgres: { source: sourceOf(postgresSource), destination: destinationOf(postgresDestination) },
  s3: { source: sourceOf(s3Source), destination: destinationOf(s3Destination) },
};

// The registry checks a config against the spec before any end sees it, so it has the type that the end declares.

function sourceOf<C>(native: Source<C>): Source<JsonObject> {
  return native as unknown as Source<JsonObject>;
}

function destinationOf<C>(native: LoaderDestination<C>): Destination<JsonObject> {
  return fromLoader(native) as Destination<C> as unknown as Destination<JsonObject>;
}
