/** What is known of a file without opening it. */
export interface Stats {
  /** Bytes. */
  readonly size: number;
  /** Modification time, nanoseconds since 1970. */
  readonly modified: bigint;
  /** Names this content, where a system has such names (S3's ETag): the same version and size, the same bytes. */
  readonly version?: string | undefined;
}

export interface NamedStats extends Stats {
  /** Below the source's directory or prefix, with `/`. */
  readonly name: string;
}

/** A file that was listed. */
export interface FoundFile extends NamedStats {
  /** Throws SyncErrors, which name the file. */
  open(abort: AbortSignal): Promise<OpenFile>;
}

/** An open file. What it holds now is what is read: what is appended, or put in its place, waits for the next time. Throws SyncErrors. */
export interface OpenFile {
  readonly name: string;
  readonly stats: Stats;
  /** Where other programs of this host can open it; null: nowhere, there is only what is read here. */
  readonly path: string | null;
  /** What is to be said of the file now, as far as that may tell that what was read is of two versions. */
  now(): Promise<Stats>;
  /** At most `length` bytes from `from` on; fewer only at the end of what it held when it was opened. */
  piece(from: number, length: number): Promise<Buffer>;
  /** All bytes from `from` up to `to`, in pieces; absent: up to its end. */
  pieces(from: number, to?: number): AsyncGenerator<Buffer, void, undefined>;
  close(): Promise<void>;
}

/** Where the files of a source are. */
export interface FileStore {
  /** For people. */
  readonly place: string;
  /** What a file's name is below of, in the place of an error; empty: the name says enough. */
  readonly root: string;
  /** Names, in no order, of all that may be a file and that one of the globs may match; null: of all. */
  names(globs: readonly string[] | null): Promise<readonly string[]>;
  /** The files among the names, in the order of `compareFiles`. */
  files(names: readonly string[]): Promise<readonly FoundFile[]>;
  /** How a person mends that no file matches a glob, or that there is none at all. */
  readonly remedies: { readonly noMatch: string; readonly empty: string };
  close(): void;
}

interface Ranked {
  readonly name: string;
  readonly modified: bigint;
}

/** The order in which a stream's files are read. */
export function compareFiles(a: Ranked, b: Ranked): number {
  if (a.modified !== b.modified) return a.modified < b.modified ? -1 : 1;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}
