import type { Catalog, ConfiguredCatalog } from '../../protocol/index.ts';
import { connection, never } from '../connectors/harness.ts';
import type { CaseDestination } from './destinations.ts';
import type { Arrived, Change } from './judge.ts';
import type { CaseSource } from './case-source.ts';

/** What a sync did. */
export interface Synced {
  /** Values that the destination counted as nulled, of all streams. */
  readonly nulled: number;
}

/** The whole road: source, engine, loader. */
export async function sync(
  source: CaseSource,
  destination: CaseDestination,
  syncNo = 1,
): Promise<Synced> {
  const catalog = configured(source.catalog, destination.schema, syncNo);
  const writer = await destination.open({
    ...{ connection, catalog, epoch: { syncNo, at: Date.now() } },
    ...{ from: [], adopt: false, rowsMin: 0, permit: () => Promise.resolve() },
    cadence: { batchBytesMax: 1, intervalMsMin: 0, intervalMsMax: 60_000 },
    ...{ drain: never, abort: never },
  });
  let nulled = 0;
  try {
    for await (const { receipt } of writer.write(source.read(catalog)))
      for (const count of Object.values(receipt?.nulled ?? {})) nulled += count;
  } finally {
    await writer.close();
  }
  return { nulled };
}

/** Tables without a cursor are read in full. What a database's tables are in is another name at the destination. */
const configured = (
  { streams }: Catalog,
  namespace: string,
  syncNo: number,
): ConfiguredCatalog => ({
  streams: streams.map((stream) => ({
    stream,
    sync_mode: stream.source_defined_cursor === true ? 'incremental' : 'full_refresh',
    destination_sync_mode: 'append',
    ...{ generation_id: 0, minimum_generation_id: 0, sync_id: syncNo },
    ...(stream.namespace !== undefined && { landing: { namespace } }),
  })),
});

/** The entries of a row's `_airbyte_meta`. */
export function changesOf(meta: Arrived | undefined): readonly Change[] {
  if (meta == null) throw new Error('A row has no _airbyte_meta.');
  return (JSON.parse(meta.text) as { changes: readonly Change[] }).changes;
}
