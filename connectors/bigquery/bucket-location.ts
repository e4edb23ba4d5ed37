import { SyncError } from '../../protocol/index.ts';
import type { Client } from './client.ts';
import type { BigQueryConfig } from './config.ts';
import { datasetLocation } from './datasets.ts';

/** What of a bucket's resource is read. In upper case, whatever it was asked with. */
interface BucketResource {
  readonly location: string;
  /** Of a pair of regions that a person chose. */
  readonly customPlacementConfig?: { readonly dataLocations?: readonly string[] };
}

/** Pairs of regions that have a name: cloud.google.com/bigquery/docs/locations#query-storage-data-location, cloud.google.com/storage/docs/locations */
const pairs: Readonly<Record<string, readonly string[]>> = {
  ASIA1: ['ASIA-NORTHEAST1', 'ASIA-NORTHEAST2'],
  EUR4: ['EUROPE-NORTH1', 'EUROPE-WEST4'],
  NAM4: ['US-CENTRAL1', 'US-EAST1'],
};

/** Whether a bucket is where the dataset is, or within that; also where it can't be told. */
export function isNear(
  dataset: string,
  { location, customPlacementConfig }: BucketResource,
): boolean {
  const at = dataset.toUpperCase();
  const regions = customPlacementConfig?.dataLocations ?? pairs[location] ?? [location];
  // A pair that came later.
  if (regions.some((one) => /^[A-Z]+\d+$/.test(one))) return true;
  return regions.some((one) => one === at || isWithin(one, at));
}

function isWithin(region: string, multiRegion: string): boolean {
  if (multiRegion === 'EU') return region.startsWith('EUROPE-');
  return multiRegion === 'US' && region.startsWith('US-');
}

/**
 * Loads from a bucket elsewhere are charged as transfers (cloud.google.com/bigquery/docs/locations#load-data-location-considerations), and were refused
 * before they were: so a check refuses.
 */
export async function proveLocation(
  client: Client,
  { dataset, staging_bucket: bucket }: BigQueryConfig,
  abort: AbortSignal,
): Promise<void> {
  if (bucket === undefined) return;
  const resource = await client.send<BucketResource>(
    { api: 'storage', method: 'GET', path: `/b/${encodeURIComponent(bucket)}` },
    abort,
  );
  const location = await datasetLocation(client, dataset, abort);
  if (location === null || isNear(location, resource)) return;
  throw new SyncError('config_error', 'The bucket is not where the dataset is.', {
    origin: 'destination',
    place: `gs://${bucket} in ${resource.location}, ${dataset} in ${location}`,
    remedy: `Make a bucket in ${location}: Google charges a transfer for each load from another location.`,
  });
}
