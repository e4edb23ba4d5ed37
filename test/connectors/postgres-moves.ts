import type { OpenedDestination } from '../../activities/deps.ts';
import { encodingsOf } from '../../activities/open.ts';
import { postgresDestination, postgresSource } from '../../connectors/postgres/index.ts';
import { fromLoader } from '../../engine/writer.ts';
import {
  idsOf,
  isReadInFull,
  statesForSource,
  type ConfiguredStream,
  type Encoding,
  type Item,
} from '../../protocol/index.ts';
import { connection } from './harness.ts';
import type { PostgresPlace } from './postgres-source-harness.ts';

/** Two ways of the same rows into two schemas of their database: as JSON, and as the ends have it. */
export type Way = 'json' | 'fields';
const connectionIds: Readonly<Record<Way, string>> = {
  json: connection.id,
  fields: connection.id.replace('7b7a', '7b7b'),
};
const destination = fromLoader(postgresDestination);
/** As a sync asks it. */
const opened = { destination, config: {} } as unknown as OpenedDestination;

export interface Move {
  /** Of source and destination. */
  readonly config?: object;
  readonly syncNo?: number;
  /** Which attempt of the sync. */
  readonly attempt?: number;
  /** Ends like a killed worker, right after so many states came from the source. */
  readonly statesMax?: number;
  /** Commits at every state; absent: at the end. */
  readonly often?: boolean;
  /** Changes what is written to each stream. */
  readonly configured?: (stream: ConfiguredStream) => ConfiguredStream;
  readonly streams?: readonly string[];
}

export interface Moved {
  /** Encodings of the blocks, as they came, without repeats. */
  readonly encodings: readonly Encoding[];
  readonly nulled: number;
}

/** One attempt of a sync from a Postgres database into a schema of it. Throws what either end fails with. */
export async function move(place: PostgresPlace, way: Way, options: Move = {}): Promise<Moved> {
  const { syncNo = 1, attempt = 1, statesMax = Infinity, often = false } = options;
  const config = { ...place.config, schemas: ['here'], ...options.config };
  const { streams } = await postgresSource.discover(config, new AbortController().signal);
  const catalog = {
    streams: streams
      .filter(({ name }) => options.streams?.includes(name) ?? true)
      .map((stream) => {
        const configured: ConfiguredStream = {
          ...{ stream, sync_mode: 'full_refresh', destination_sync_mode: 'append' },
          ...{ generation_id: syncNo, minimum_generation_id: 0, sync_id: syncNo },
          landing: { namespace: way },
        };
        return options.configured?.(configured) ?? configured;
      }),
  };
  const abort = new AbortController();
  const [drain, epoch] = [new AbortController().signal, { syncNo, at: attempt }];
  const writer = await destination.open({
    config: { url: place.database.url, schema: `tidemark_${way}` },
    ...{
      connection: { id: connectionIds[way], name: way },
      catalog,
      epoch,
      from: [],
      adopt: false,
      rowsMin: 0,
    },
    permit: () => Promise.resolve(),
    cadence: often
      ? { batchBytesMax: 1, intervalMsMin: 0, intervalMsMax: 1_000 }
      : { batchBytesMax: 2 ** 30, intervalMsMin: 600_000, intervalMsMax: 600_000 },
    ...{ drain, abort: abort.signal },
  });
  const encodings: Encoding[] = [];
  let nulled = 0;
  try {
    const state = statesForSource({
      ...{ checkpoints: writer.held ?? [], syncNo },
      fullRefresh: idsOf(catalog, isReadInFull),
    });
    const items = postgresSource.read({
      ...{ config, catalog, state, drain, abort: abort.signal },
      ...{ accepts: (stream) => (way === 'json' ? ['jsonl'] : encodingsOf(opened, stream)) },
      checkpoints: { async *[Symbol.asyncIterator]() {} },
    });
    for await (const { receipt } of writer.write(watched(items, encodings, statesMax)))
      for (const count of Object.values(receipt?.nulled ?? {})) nulled += count;
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  } finally {
    abort.abort();
    await writer.close();
  }
  return { encodings, nulled };
}

class Killed extends Error {}

async function* watched(
  items: AsyncIterable<Item>,
  encodings: Encoding[],
  statesMax: number,
): AsyncGenerator<Item> {
  let states = 0;
  for await (const item of items) {
    if (item.type === 'BLOCK' && encodings.at(-1) !== item.encoding) encodings.push(item.encoding);
    yield item;
    if (item.type === 'STATE' && (states += 1) === statesMax) throw new Killed();
  }
}

/** Each row of a table as text, with the types of its columns and what was told of its values (in any order); sorted. */
export async function landed(
  place: PostgresPlace,
  way: Way,
  table = 't',
): Promise<readonly string[]> {
  const columns = await place.database.query<{ name: string; type: string }>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a
     WHERE a.attrelid = '${way}.${table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname !~ '^_airbyte_' ORDER BY a.attnum`,
  );
  const names = columns.map(({ name }) => `"${name}"`).join(', ');
  const rows = await place.sql(
    `SELECT (SELECT x FROM (SELECT ${names}, _airbyte_meta->'sync_id' AS sync,
       (SELECT jsonb_agg(told ORDER BY told) FROM jsonb_array_elements(_airbyte_meta->'changes') told) AS changes, _airbyte_generation_id, _airbyte_extracted_at > now() - interval '1 day') x)::text AS row
     FROM ${way}.${table} ORDER BY 1`,
  );
  return [JSON.stringify(columns), ...rows.map(({ row }) => row as string)];
}
