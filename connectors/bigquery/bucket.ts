import type { Client } from './client.ts';
import { ServiceError } from './service-error.ts';

/** Objects of a bucket below a prefix, by the rest of their names: cloud.google.com/storage/docs/json_api/v1/objects/insert and its neighbours */
export interface Bucket {
  /** What BigQuery calls an object: /bigquery/docs/batch-loading-data#gcs-uri */
  uri(name: string): string;
  /** Idempotent: whole or not at all, in place of one of the same name. */
  put(name: string, bytes: Uint8Array, abort: AbortSignal): Promise<void>;
  /** Those whose names begin so. */
  list(start: string, abort: AbortSignal): Promise<readonly string[]>;
  /** It may be gone already. */
  remove(name: string, abort: AbortSignal): Promise<void>;
}

interface Listing {
  readonly items?: readonly { readonly name: string }[];
  readonly nextPageToken?: string;
}

export function openBucket(client: Client, bucket: string, prefix: string): Bucket {
  const root = prefix === '' ? '' : `${prefix}/`;
  const objects = `/b/${encodeURIComponent(bucket)}/o`;
  return {
    uri: (name) => `gs://${bucket}/${root}${name}`,
    async put(name, media, abort) {
      const query = { name: root + name };
      await client.send({ api: 'storage', method: 'POST', path: objects, query, media }, abort);
    },
    async list(start, abort) {
      const names: string[] = [];
      let pageToken: string | undefined;
      do {
        const query = {
          ...{ prefix: root + start, fields: 'items(name),nextPageToken' },
          ...(pageToken !== undefined && { pageToken }),
        };
        const page: Listing = await client.send(
          { api: 'storage', method: 'GET', path: objects, query },
          abort,
        );
        names.push(...(page.items ?? []).map(({ name }) => name.slice(root.length)));
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined);
      return names;
    },
    async remove(name, abort) {
      const path = `${objects}/${encodeURIComponent(root + name)}`;
      try {
        await client.send({ api: 'storage', method: 'DELETE', path }, abort);
      } catch (error) {
        if (!(error instanceof ServiceError) || error.status !== 404) throw error;
      }
    },
  };
}
