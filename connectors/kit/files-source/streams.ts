import type { ReadFilesConfig, StreamConfig } from './config.ts';
import { configError } from './errors.ts';
import { matcherOf } from './globs.ts';
import type { FileStore, FoundFile } from './store.ts';

const known = /\.(csv|tsv|jsonl|ndjson|json|parquet)(\.(gz|gzip|zst|zstd))?$/i;
/** What tells files of one stream apart: `-2024`, `_2024-01-31`, `.part-0003`, ` 12`. */
const counter = /(?:[-_. ]+(?:part[-_. ]?)?\d[\dTZ_.-]*)+$/i;

/** A stream and its files, in the order in which they are read. */
export interface StreamFiles {
  readonly config: StreamConfig;
  readonly files: readonly FoundFile[];
}

/** The streams of a config. One that was configured is always among them, with no files if its glob matches none. */
export async function findStreams(
  { streams }: ReadFilesConfig,
  store: FileStore,
): Promise<readonly StreamFiles[]> {
  if (streams === undefined) return unconfigured(store);
  const doubled = streams.find((one, i) => streams.findIndex((s) => s.name === one.name) < i);
  if (doubled !== undefined)
    throw configError(
      'Two streams have one name.',
      `streams: ${doubled.name}`,
      'Rename one, or write both globs as one: {a,b}.',
      doubled.name,
    );
  const matchers = streams.map(({ glob, name }) => matcherOf(glob, name));
  const names = await store.names(streams.map(({ glob }) => glob));
  const found: StreamFiles[] = [];
  for (const [i, stream] of streams.entries())
    found.push({ config: stream, files: await store.files(names.filter(matchers[i]!)) });
  return found;
}

async function unconfigured(store: FileStore): Promise<readonly StreamFiles[]> {
  const groups = new Map<string, string[]>();
  for (const name of await store.names(null)) {
    const stream = streamNameOf(name);
    if (stream === null) continue;
    const group = groups.get(stream);
    if (group === undefined) groups.set(stream, [name]);
    else group.push(name);
  }
  const found: StreamFiles[] = [];
  for (const [name, members] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1)))
    found.push({ config: { name, glob: '' }, files: await store.files(members) });
  return found;
}

/**
 * The stream of a file when none is configured: its first directory, else its name without endings and without the numbers and dates
 * before them. null: no file of ours.
 */
export function streamNameOf(name: string): string | null {
  const parts = name.split('/');
  if (!known.test(name) || parts.some((part) => part.startsWith('.'))) return null;
  if (parts.length > 1) return parts[0]!;
  const stem = name.replace(known, '');
  return stem.replace(counter, '') || stem;
}

/** For `check` and for a stream that was never read. */
export function noFiles({ config }: StreamFiles, { place, remedies }: FileStore): Error {
  return configError(
    'No file matches the glob of a stream.',
    `${place}: ${config.glob}`,
    remedies.noMatch,
    config.name,
  );
}

export function noStreams({ place, remedies }: FileStore): Error {
  return configError('The source holds no file to read.', place, remedies.empty);
}
