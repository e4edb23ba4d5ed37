import type { FilesConfig, StreamConfig } from './config.ts';
import { configError } from './errors.ts';
import { filesOf, matcherOf, namesBelow, type FoundFile } from './listing.ts';

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
  config: FilesConfig,
  signal: AbortSignal,
): Promise<readonly StreamFiles[]> {
  const names = await namesBelow(config.path, signal);
  const { streams } = config;
  if (streams === undefined) return unconfigured(config.path, names, signal);
  const doubled = streams.find((one, i) => streams.findIndex((s) => s.name === one.name) < i);
  if (doubled !== undefined)
    throw configError(
      'Two streams have one name.',
      `streams: ${doubled.name}`,
      'Rename one, or write both globs as one: {a,b}.',
      doubled.name,
    );
  const found: StreamFiles[] = [];
  for (const stream of streams) {
    const matches = matcherOf(stream.glob, stream.name);
    const files = await filesOf(config.path, names.filter(matches), signal);
    found.push({ config: stream, files });
  }
  return found;
}

async function unconfigured(
  root: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly StreamFiles[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const stream = streamNameOf(name);
    if (stream === null) continue;
    const group = groups.get(stream);
    if (group === undefined) groups.set(stream, [name]);
    else group.push(name);
  }
  const found: StreamFiles[] = [];
  for (const [name, members] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1)))
    found.push({ config: { name, glob: '' }, files: await filesOf(root, members, signal) });
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
export function noFiles({ config }: StreamFiles, path: string): Error {
  return configError(
    'No file matches the glob of a stream.',
    `${path}: ${config.glob}`,
    'Correct the glob; it is relative to path, * stays within a directory and ** does not, and directories that are symbolic links are not entered.',
    config.name,
  );
}

export function noStreams(path: string): Error {
  return configError(
    'The directory holds no file to read.',
    path,
    'Put files named .csv, .tsv, .jsonl, .ndjson, .json or .parquet there (also .gz and .zst), or configure streams with globs of other names.',
  );
}
