import type { RecordText } from './records.ts';
import type { Stamps } from './stamp.ts';

/** How a format writes rows: text with one character a byte. */
export interface Rows {
  /** What stands before the first row. */
  readonly head: string;
  row(record: RecordText, stamps: Stamps): string;
  /** The file's header; null: each row names its own columns. */
  readonly columns: readonly string[] | null;
  /** Columns that records brought and `head` lacks: then the file is written anew, with a header that has them. */
  readonly missing: readonly string[];
}
