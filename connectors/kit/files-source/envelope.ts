import type { Block, StreamId } from '../../../protocol/index.ts';
import { asBytesText } from '../json-scan.ts';
import type { NamedStats } from './store.ts';

/** Airbyte's two columns of records from files. */
export const urlField = '_ab_source_file_url';
export const modifiedField = '_ab_source_file_last_modified';

/** Blocks are ended at about this size, bytes. */
export const blockBytesMax = 128 * 1024;
/** A record's bytes in its file. */
export const recordBytesMax = 64 * 1024 * 1024;

/** Records as RECORD envelopes, one a line. */
export interface Batch {
  readonly bytes: Uint8Array;
  readonly records: number;
}

/** What stands around the members of each record of a file. */
export interface Envelope {
  /** Up to the object's opening brace. */
  readonly head: string;
  /** The two columns, without a comma before them. */
  readonly columns: string;
  /** From the object's closing brace on; `emittedAt`: epoch ms. */
  tail(emittedAt: number): string;
}

export function envelopeOf(stream: string, file: Pick<NamedStats, 'name' | 'modified'>): Envelope {
  const columns = {
    [modifiedField]: isoOf(file.modified),
    [urlField]: file.name,
  };
  return {
    head: asBytesText(`{"type":"RECORD","record":{"stream":${JSON.stringify(stream)},"data":{`),
    columns: asBytesText(JSON.stringify(columns).slice(1, -1)),
    tail: (emittedAt) => `},"emitted_at":${emittedAt}}}\n`,
  };
}

/** With microseconds, as Airbyte writes it. */
export function isoOf(modified: bigint): string {
  const micros = modified / 1000n;
  const ms = Number(micros / 1000n);
  const rest = ((micros % 1000n) + 1000n) % 1000n;
  return new Date(ms).toISOString().replace('Z', `${String(rest).padStart(3, '0')}Z`);
}

export function blockOf(stream: StreamId, { bytes, records }: Batch): Block {
  return { type: 'BLOCK', stream, encoding: 'jsonl', records, bytes, release: () => undefined };
}
