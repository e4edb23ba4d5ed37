import { appendFile, rename, rm } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import type { StreamId } from '../../../protocol/index.ts';
import { nestsDeeper } from '../depth.ts';
import { NotJson } from '../json-scan.ts';
import { depthMax, repairLines, type RepairRules } from '../repair.ts';
import { doubtfulLines } from '../suspicion.ts';
import { unreadableRecord } from '../targets.ts';

/** DuckDB reads every number with a point as a double. */
const rules: RepairRules = { numbers: 'list', refusesNul: false };
/** What DuckDB takes for something else without a word; the last may stand in a key. */
const words = ['NaN', 'Infinity', '\\u0000'];
/** The line, its record and its data. */
const envelopeDepth = 3;
/** A file is repaired in pieces of this size. */
const repairBytes = 4 * 1024 * 1024;

/** RECORD lines as DuckDB reads them exactly: as they are, but for those with what it would get wrong without refusing it. */
export function exactLines(bytes: Uint8Array, stream: StreamId): Uint8Array {
  // JSON this deep would overflow its stack and end the process.
  if (nestsDeeper(bytes, depthMax + envelopeDepth)) return repaired(bytes, stream);
  const doubtful = doubtfulLines(bytes, words);
  if (doubtful.length === 0) return bytes;
  const pieces: Uint8Array[] = [];
  let done = 0;
  for (const { start, end } of doubtful) {
    pieces.push(bytes.subarray(done, start), repaired(bytes.subarray(start, end), stream));
    done = end;
  }
  return Buffer.concat([...pieces, bytes.subarray(done)]);
}

/** Throws what the source is to be told. */
export function repaired(bytes: Uint8Array, stream: StreamId): Uint8Array {
  try {
    return repairLines(bytes, rules);
  } catch (error) {
    if (error instanceof NotJson) throw unreadableRecord(stream);
    throw error;
  }
}

/** The file with the records could not be read as JSON. */
export function isMalformed(error: unknown): boolean {
  const message = error instanceof Error ? error.message : String(error);
  return /Malformed JSON|JSON transform error|maximum_object_size/.test(message);
}

/** Rewrites a file of records that DuckDB could not read. */
export async function repairFile(file: string, stream: StreamId): Promise<void> {
  const target = `${file}.repaired`;
  await rm(target, { force: true });
  let rest: Uint8Array = new Uint8Array(0);
  const put = (bytes: Uint8Array): Promise<void> =>
    appendFile(target, repaired(bytes, stream), { mode: 0o600 });
  for await (const chunk of createReadStream(file, { highWaterMark: repairBytes })) {
    const bytes = joined(rest, chunk as Uint8Array);
    const end = bytes.lastIndexOf(10) + 1;
    if (end > 0) await put(bytes.subarray(0, end));
    rest = bytes.slice(end);
  }
  if (rest.byteLength > 0) await put(rest);
  await rename(target, file);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.byteLength + b.byteLength);
  bytes.set(a);
  bytes.set(b, a.byteLength);
  return bytes;
}
