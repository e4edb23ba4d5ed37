import type { ConnectionRef, Epoch, OpenInput, StreamId } from '../../../protocol/index.ts';
import type { LedgerRow } from '../ledger.ts';
import { refusedConfig } from './refused.ts';

/** A file of a stream. */
export interface FileEntry {
  /** Below the destination's directory or prefix, with `/`. */
  readonly path: string;
  readonly rows: number;
  /** As it is kept. */
  readonly bytes: number;
  readonly generation: number;
  /** CSV: its header. */
  readonly columns?: readonly string[];
  /** Its name in the staging directory, while it waits there for its generation to be complete. Absent: it is in its place. */
  readonly staged?: string;
}

/** What a stream's files have. */
export interface Shape {
  /** All of them together. JSONL files may have more. */
  readonly columns: readonly string[];
  /** Parquet: the type of each column that is not Airbyte's, as DuckDB spells it, in the last file that has it. */
  readonly types?: Readonly<Record<string, string>>;
}

/** A stream's data of one age. */
export interface Dataset extends Shape {
  /** Which full refresh it is of; 0: of none. */
  readonly generation: number;
  readonly files: readonly FileEntry[];
}

export interface StreamEntry {
  /** As claimed: see names.ts. */
  readonly namespace: string;
  readonly name: string;
  /** What readers are to read; null: nothing was complete yet. */
  readonly current: Dataset | null;
  /** What will take its place. */
  readonly next: Dataset | null;
}

/** What is true of a connection's files: readers that want each row once read the files of each `current`. */
export interface Manifest {
  readonly version: 1;
  readonly connection: ConnectionRef;
  /** The highest epoch that opened. */
  readonly fence: Epoch;
  readonly checkpoints: readonly LedgerRow[];
  readonly streams: Readonly<Record<StreamId, StreamEntry>>;
}

/** Some million files: it is read and written whole. */
const manifestBytesMax = 256 * 1024 * 1024;

export const emptyManifest = ({ connection }: OpenInput): Manifest => ({
  version: 1,
  connection: { id: connection.id, name: connection.name },
  fence: { syncNo: 0, at: 0 },
  checkpoints: [],
  streams: {},
});

/** `place`: of the text, for people. */
export function manifestOf(text: string, place: string): Manifest {
  const manifest = parsed(text);
  if (manifest?.version === 1 && Array.isArray(manifest.checkpoints)) return manifest;
  throw refusedConfig(
    'A manifest of the destination cannot be understood.',
    place,
    'Restore it from a backup. Without one, move it and its files away, and reset the connection.',
  );
}

function parsed(text: string): Manifest | null {
  try {
    return JSON.parse(text) as Manifest | null;
  } catch {
    return null;
  }
}

export function manifestText(manifest: Manifest, place: string): Buffer {
  const text = Buffer.from(`${JSON.stringify(manifest)}\n`);
  if (text.byteLength <= manifestBytesMax) return text;
  throw refusedConfig(
    'The manifest names too many files.',
    `${place}: more than ${manifestBytesMax} bytes`,
    'Let commits wait for more records, or refresh the streams with the most files.',
  );
}

/** All files that it names, in their places. */
export function placedPaths(manifest: Manifest): Set<string> {
  const entries = Object.values(manifest.streams);
  return new Set(entries.flatMap(({ current }) => (current?.files ?? []).map(({ path }) => path)));
}

/** All files that it names, also those of generations that are not complete; where nothing is staged, each has its own place. */
export function objectPaths({ streams }: Manifest): Set<string> {
  const sets = Object.values(streams).flatMap(({ current, next }) => [current, next]);
  return new Set(sets.flatMap((dataset) => (dataset?.files ?? []).map(({ path }) => path)));
}

/** All files that it names in the staging directory. */
export function stagedNames(manifest: Manifest): Set<string> {
  return new Set(
    Object.values(manifest.streams).flatMap(({ next }) =>
      (next?.files ?? []).flatMap(({ staged }) => (staged === undefined ? [] : [staged])),
    ),
  );
}
