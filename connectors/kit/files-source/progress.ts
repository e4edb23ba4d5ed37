import { isObject, type Json, type JsonObject } from '../../../protocol/index.ts';
import { Earlier, type FileKey, type KeptBlock } from './earlier.ts';
import { configError } from './errors.ts';
import type { Position } from './reader.ts';
import { compareFiles, type FoundFile, type NamedStats, type Stats } from './store.ts';

/** Finished files that a state remembers one by one, bytes of JSON. With names of 30 characters some 250 files. */
export const rememberedBytesMax = 24 * 1024;

/** A finished file: name, modification time (ns), size (bytes), where it ended (bytes or rows), what was read (a hash), its version where it has one. */
type Finished = readonly [
  name: string,
  modified: string,
  size: number,
  at: number,
  hash: string,
  version?: string,
];

/** A file that is read in part. */
interface Current extends Position {
  readonly name: string;
  readonly modified: string;
  readonly size: number;
  readonly version?: string;
}

/** How a stream's CSV files were found to be written, so that it does not change when its first file is gone. */
export interface DetectedShape {
  readonly delimiter: string;
  readonly header: boolean;
}

/**
 * The state of a stream. `read`: the newest finished files, ordered by modification time and name. `earlier`: some thousands before them, by
 * their hashes. `floor`: files up to this time and name are finished too, and forgotten.
 */
interface FilesState {
  readonly version: 1;
  readonly floor?: { readonly modified: string; readonly name: string };
  readonly earlier?: readonly KeptBlock[];
  readonly read: readonly Finished[];
  readonly current?: Current;
  readonly csv?: DetectedShape;
}

/** Where to go on in a file, if what is before it is still the same. */
export interface Resume extends Position {
  /** The file is the one that it was. */
  readonly isUntouched: boolean;
}

export interface PendingFile {
  readonly file: FoundFile;
  /** null: it was never read. */
  readonly resume: Resume | null;
}

/** What is read of a stream, and what is not. */
export class Progress {
  shape: DetectedShape | null;
  #floor: FileKey | null;
  readonly #earlier: Earlier;
  readonly #read: Map<string, Finished>;
  #current: Current | null;
  /** What is still to be read, in order, from `#next` on. */
  #waiting: readonly FoundFile[] = [];
  #next = 0;

  constructor(state: Json | undefined, stream: string) {
    const known = parse(state, stream);
    const { floor } = known;
    this.shape = known.csv ?? null;
    this.#floor =
      floor === undefined ? null : { modified: BigInt(floor.modified), name: floor.name };
    this.#earlier = new Earlier(known.earlier ?? []);
    this.#read = new Map(known.read.map((file) => [file[0], file]));
    this.#current = known.current ?? null;
  }

  /** The file that was read in part, if it is not among these. */
  missing(files: readonly FoundFile[]): string | null {
    const { name } = this.#current ?? {};
    return name === undefined || files.some((file) => file.name === name) ? null : name;
  }

  /** Forgets the file that was read in part: the state says that it is done with. */
  forgetCurrent(): void {
    this.#current = null;
  }

  /** Of these, in their order, those with something to read; first the one that was read in part. */
  pending(files: readonly FoundFile[]): readonly PendingFile[] {
    const current = this.#current;
    const rest = files.flatMap((file) => {
      if (file.name === current?.name) return [];
      const pending = this.#pendingFile(file);
      return pending === null ? [] : [pending];
    });
    this.#waiting = rest.map(({ file }) => file);
    this.#next = 0;
    const file = files.find(({ name }) => name === current?.name);
    if (current === null || file === undefined) return rest;
    return [{ file, resume: { ...current, isUntouched: isUntouched(file, current) } }, ...rest];
  }

  #pendingFile(file: FoundFile): PendingFile | null {
    const finished = this.#read.get(file.name);
    if (finished === undefined) {
      const isForgotten = this.#floor !== null && compareFiles(file, this.#floor) <= 0;
      return isForgotten || this.#earlier.has(file) ? null : { file, resume: null };
    }
    const [, modified, size, at, hash, version] = finished;
    if (isUntouched(file, { modified, size, version })) return null;
    return { file, resume: { at, lines: 0, chain: '', hash, isUntouched: false } };
  }

  /** The file is read up to the position. */
  reach({ name }: NamedStats, { size, modified, version }: Stats, position: Position): void {
    const { at, ...rest } = position;
    this.#current = {
      ...{ name, at, size, modified: String(modified) },
      ...(version !== undefined && { version }),
      ...rest,
    };
  }

  /** The file is read up to its end. */
  finish({ name }: NamedStats, { size, modified, version }: Stats, { at, hash }: Position): void {
    this.#current = null;
    if (this.#waiting[this.#next]?.name === name) this.#next += 1;
    this.#read.delete(name);
    const known = [name, String(modified), size, at, hash] as const;
    this.#read.set(name, version === undefined ? known : [...known, version]);
    this.#forgetOldest();
  }

  #forgetOldest(): void {
    const files = this.#ordered();
    let bytes = files.reduce((sum, file) => sum + JSON.stringify(file).length + 1, 0);
    for (const file of files) {
      if (bytes <= rememberedBytesMax) break;
      bytes -= JSON.stringify(file).length + 1;
      this.#read.delete(file[0]);
      const [name, modified, size, , , version] = file;
      this.#earlier.add({ name, modified: BigInt(modified), size, version });
    }
    // The floor must not pass a file that is not read: one that was read in part goes before older ones.
    const floor = this.#earlier.forget(this.#waiting[this.#next]);
    if (floor !== null && (this.#floor === null || compareFiles(floor, this.#floor) > 0))
      this.#floor = floor;
  }

  #ordered(): readonly Finished[] {
    return [...this.#read.values()].sort((a, b) => compareFiles(keyOf(a), keyOf(b)));
  }

  state(): JsonObject {
    const floor = this.#floor;
    const earlier = this.#earlier.kept();
    const state: FilesState = {
      version: 1,
      // First what people look for: where a state is shown to them, it is cut.
      ...(this.#current !== null && { current: this.#current }),
      ...(this.shape !== null && { csv: this.shape }),
      ...(floor !== null && { floor: { modified: String(floor.modified), name: floor.name } }),
      ...(earlier.length > 0 && { earlier }),
      read: this.#ordered(),
    };
    return state as unknown as JsonObject;
  }
}

const keyOf = ([name, modified]: Finished): { name: string; modified: bigint } => ({
  name,
  modified: BigInt(modified),
});

interface Was {
  readonly modified: string;
  readonly size: number;
  readonly version?: string | undefined;
}

/** By its version where both are known: an object that was copied onto itself has another time, and the same bytes. */
function isUntouched(file: NamedStats, was: Was): boolean {
  if (file.size !== was.size) return false;
  if (file.version !== undefined && was.version !== undefined) return file.version === was.version;
  return String(file.modified) === was.modified;
}

function parse(state: Json | undefined, stream: string): FilesState {
  if (state === null || state === undefined) return { version: 1, read: [] };
  if (isState(state)) return state;
  throw configError(
    'The state of a stream is not one of a source of files.',
    `stream ${stream}`,
    'Reset it (tidemark state reset): it is then read from the start.',
    stream,
  );
}

function isState(value: Json): value is FilesState & JsonObject {
  if (!isObject(value) || value['version'] !== 1 || !Array.isArray(value['read'])) return false;
  const { floor, current, earlier = [] } = value;
  return (
    (value['read'] as Json[]).every(isFinished) &&
    Array.isArray(earlier) &&
    (earlier as Json[]).every(isBlock) &&
    (floor === undefined || (isObject(floor) && isTime(floor['modified']))) &&
    (current === undefined ||
      (isObject(current) &&
        isTime(current['modified']) &&
        typeof current['at'] === 'number' &&
        typeof current['hash'] === 'string'))
  );
}

function isBlock(block: Json): boolean {
  if (!Array.isArray(block)) return false;
  const [modified, name, hashes] = block as Json[];
  return isTime(modified) && typeof name === 'string' && typeof hashes === 'string';
}

function isFinished(file: Json): boolean {
  if (!Array.isArray(file)) return false;
  const [name, modified, size, at, hash, version = ''] = file as Json[];
  return (
    typeof name === 'string' &&
    isTime(modified) &&
    typeof size === 'number' &&
    typeof at === 'number' &&
    typeof hash === 'string' &&
    typeof version === 'string'
  );
}

const isTime = (value: Json | undefined): boolean =>
  typeof value === 'string' && /^-?\d+$/.test(value);
