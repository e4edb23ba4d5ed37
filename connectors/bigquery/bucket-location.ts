import { SyncError } from '../../protocol/index.ts';
import type { Client } from './client.ts';
import type { BigQueryConfig } from './config.ts';
import { datasetLocation } from './datasets.ts';

/** cloud.google.com/storage/docs/json_api/v1/buckets. In upper case, whatever it was asked with. */
interface BucketResource {
  readonly location: string;
  /** Of a pair of regions that a person chose. */
  readonly customPlacementConfig?: { readonly dataLocations?: readonly string[] };
}

/** Pairs of regions that have a name: cloud.google.com/storage/docs/locations#predefined */
const pairs: Readonly<Record<string, readonly string[]>> = {
  ASIA1: ['ASIA-NORTHEAST1', 'ASIA-NORTHEAST2'],
  EUR4: ['EUROPE-NORTH1', 'EUROPE-WEST4'],
  EUR5: ['EUROPE-WEST1', 'EUROPE-WEST2'],
  EUR7: ['EUROPE-WEST2', 'EUROPE-WEST3'],
  EUR8: ['EUROPE-WEST3', 'EUROPE-WEST6'],
  NAM4: ['US-CENTRAL1', 'US-EAST1'],
};

/** Whether a bucket is where the dataset is, or within that. */
export function isNear(
  dataset: string,
  { location, customPlacementConfig }: BucketResource,
): boolean {
  const at = dataset.toUpperCase();
  const regions = customPlacementConfig?.dataLocations ?? pairs[location] ?? [location];
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
