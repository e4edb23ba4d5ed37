import { openBucket } from './bucket.ts';
import type { S3Config } from './config.ts';
import { objectsOf } from './objects.ts';
import { uploadsOf } from './uploads.ts';

export interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
}

export type Metadata = Readonly<Record<string, string>>;

/** A multipart upload: nothing is to be seen of it before `complete`. */
export interface Upload {
  /** `n` from 1. Several may be on their way. */
  part(n: number, bytes: Buffer): Promise<void>;
  /** False: there is an object of that key, or the upload is gone. */
  complete(): Promise<boolean>;
  abort(): Promise<void>;
}

export interface PendingUpload {
  readonly key: string;
  abort(): Promise<void>;
}

/** The objects of a bucket. Throws SyncErrors. Keys are whole: with the prefix. */
export interface Store {
  /** null: there is none. */
  get(key: string): Promise<StoredObject | null>;
  /** What was put with it; null: there is none. */
  metadata(key: string): Promise<Metadata | null>;
  put(key: string, bytes: Buffer): Promise<void>;
  /**
   * Puts it if the object is still the one of that etag; null: if there is none. Its new etag; null: it is not, or somebody is at it. A put whose
   * answer was lost may be told as null too: look whose the object is.
   */
  putIf(key: string, bytes: Buffer, etag: string | null, marks?: Metadata): Promise<string | null>;
  upload(key: string, marks: Metadata): Promise<Upload>;
  /** Uploads that are not complete, of keys that begin so. */
  uploads(prefix: string): Promise<readonly PendingUpload[]>;
  /** Those that begin so; `here`: without those behind a further slash. */
  keys(prefix: string, below: 'below' | 'here'): Promise<readonly string[]>;
  /** Those that are not there count as removed. */
  remove(keys: readonly string[]): Promise<void>;
  /** For people. */
  place(key: string): string;
  close(): void;
}

export async function openStore(config: S3Config, abort: AbortSignal): Promise<Store> {
  const bucket = await openBucket(config, abort);
  const { place, close } = bucket;
  return { ...objectsOf(bucket), ...uploadsOf(bucket), place, close };
}
