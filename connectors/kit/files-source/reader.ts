import type { Batch } from './envelope.ts';

/** Where a reader is in its file: what is before it is read. */
export interface Position {
  /** Uncompressed bytes; of Parquet, rows. */
  readonly at: number;
  /** Newlines before it; 0 of Parquet. */
  readonly lines: number;
  /** See Mark; of Parquet empty. */
  readonly chain: string;
  /** Of what is before it; of Parquet, of the file's own description of itself. */
  readonly hash: string;
}

/** Reads one file, record by record, in its order. */
export interface Reader {
  /**
   * The next records, at most `recordsMax`; null at the end of the file. What is wrong with a record is thrown only after the records before
   * it were given out, so that a state can cover them.
   */
  next(recordsMax: number): Promise<Batch | null>;
  position(): Position;
  close(): Promise<void>;
}
