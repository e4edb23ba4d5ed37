import { randomBytes } from 'node:crypto';
import { bigqueryEndpoint } from './bigquery.ts';
import { plainFetch } from '../connectors/bigquery-wire.ts';

export interface TestBucket {
  readonly name: string;
  /** Names of objects, all of them. */
  objects(): Promise<string[]>;
  remove(object: string): Promise<void>;
}

interface Listing {
  readonly items?: readonly { readonly name: string }[];
  readonly nextPageToken?: string;
}

/** A bucket of the emulator's Cloud Storage, looked into beside the connector's own client. `denied`: permissions that nobody has. */
export async function testBucket(
  more: { readonly location?: string; readonly denied?: readonly string[] } = {},
): Promise<TestBucket> {
  const root = `${bigqueryEndpoint()}/storage/v1/b`;
  const name = `tidemark-${randomBytes(6).toString('hex')}`;
  await plainFetch(root, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, ...more }),
  });
  return {
    name,
    async objects() {
      const names: string[] = [];
      for (let token = ''; ;) {
        const response = await plainFetch(
          `${root}/${name}/o?pageToken=${encodeURIComponent(token)}`,
        );
        const { items = [], nextPageToken } = (await response.json()) as Listing;
        names.push(...items.map((item) => item.name));
        if (nextPageToken === undefined) return names;
        token = nextPageToken;
      }
    },
    async remove(object) {
      await plainFetch(`${root}/${name}/o/${encodeURIComponent(object)}`, { method: 'DELETE' });
    },
  };
}
