import { duckdbDestination } from '../../connectors/duckdb/index.ts';
import { filesDestination } from '../../connectors/files/index.ts';
import { mysqlDestination } from '../../connectors/mysql/index.ts';
import { postgresDestination } from '../../connectors/postgres/index.ts';
import { s3Destination } from '../../connectors/s3/index.ts';
import { fromLoader } from '../../engine/writer.ts';
import type { Destination, JsonObject, LoaderDestination } from '../../protocol/index.ts';
import { workerProcess } from '../../worker/worker-process.ts';
import { hooked, hookVariable, type CommitHook } from './commit-hook.ts';

// A worker's process like any other, but for the hook in its native destinations' commits.

const hook = JSON.parse(process.env[hookVariable]!) as CommitHook;
const destinationOf = <C>(native: LoaderDestination<C>): Destination<JsonObject> =>
  fromLoader(hooked(native, hook)) as Destination<C> as unknown as Destination<JsonObject>;

process.exit(
  await workerProcess({
    duckdb: { destination: destinationOf(duckdbDestination) },
    files: { destination: destinationOf(filesDestination) },
    mysql: { destination: destinationOf(mysqlDestination) },
    postgres: { destination: destinationOf(postgresDestination) },
    s3: { destination: destinationOf(s3Destination) },
  }),
);
