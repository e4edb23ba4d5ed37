import { compareEpochs, type Epoch } from '../../../protocol/index.ts';
import { safeName } from '../../kit/files/names.ts';
import { refusedConfig } from '../../kit/files/refused.ts';
import { ownDirectory } from '../../kit/files/template.ts';

/** What S3 takes for a key. */
const keyBytesMax = 1024;

/** Where things are below the destination's prefix. */
export interface Layout {
  /** Manifests, one a connection, and below them Tidemark's notes. */
  readonly own: string;
  manifest(connectionId: string): string;
  /** Those of a connection begin so. */
  intents(connectionId: string): string;
  intent(connectionId: string, epoch: Epoch): string;
  /** Of a path as the manifest has it. */
  key(this: void, path: string): string;
}

/** `prefix` ends in a slash, or is empty. */
export function layoutOf(prefix: string): Layout {
  const own = `${prefix}${ownDirectory}/`;
  const intents = (id: string): string => `${own}intents/${safeName(id)}/`;
  return {
    own,
    manifest: (id) => `${own}${safeName(id)}.json`,
    intents,
    intent: (id, { syncNo, at }) => `${intents(id)}${syncNo}-${at}.json`,
    key: (path) => `${prefix}${path}`,
  };
}

/** True for the intent of a writer that this one has fenced off. */
export function isOlderIntent(key: string, epoch: Epoch): boolean {
  const [, syncNo, at] = /(\d+)-(\d+)\.json$/.exec(key) ?? [];
  if (syncNo === undefined || at === undefined) return false;
  return compareEpochs({ syncNo: Number(syncNo), at: Number(at) }, epoch) < 0;
}

export function refuseLongKey(key: string): void {
  if (Buffer.byteLength(key) <= keyBytesMax) return;
  throw refusedConfig(
    'The key of an object would be too long.',
    `${key.slice(0, 100)}…: more than ${keyBytesMax} bytes`,
    'Shorten prefix or template in the config.',
  );
}
