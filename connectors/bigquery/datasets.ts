import { found, type Client } from './client.ts';
import { defaultLocation } from './config.ts';
import { ServiceError } from './service-error.ts';

/** null: there is no such dataset. */
export async function datasetLocation(
  client: Client,
  dataset: string,
  abort: AbortSignal,
): Promise<string | null> {
  const path = `/datasets/${encodeURIComponent(dataset)}`;
  const resource = await found(client.send<{ location?: string }>({ method: 'GET', path }, abort));
  return resource === null ? null : (resource.location ?? defaultLocation);
}

export async function makeDataset(
  client: Client,
  { project, location }: { readonly project: string; readonly location: string },
  dataset: string,
  abort: AbortSignal,
): Promise<void> {
  const body = { datasetReference: { projectId: project, datasetId: dataset }, location };
  try {
    await client.send({ method: 'POST', path: '/datasets', body }, abort);
  } catch (error) {
    // Somebody was quicker, or the answer to an earlier try was lost.
    if (!(error instanceof ServiceError) || error.status !== 409) throw error;
  }
}
