import type { Block, StreamId } from '../../protocol/index.ts';
import type { Chunk } from './chunks.ts';
import type { ScanItem } from '../../engine/scan/scanner.ts';

type Run = Extract<ScanItem, { type: 'RUN' }>;

/** Runs shorter than this on average are copied into one block; longer ones are cheaper sent one by one. */
const runBytesMin = 4 * 1024;

/** Makes blocks of a chunk's runs, few also where a source sends its streams in turns. Keeps the order within each stream. */
export interface Blocks {
  add(run: Run): void;
  /** What was added since the last call, by stream. Due before anything that speaks of records before it, such as a state. */
  take(): readonly Block[];
}

/** `chunk`: where the runs lie, held by each block until it is released; null: they are copies. */
export function createBlocks(chunk: Chunk | null): Blocks {
  let waiting = new Map<StreamId, Run[]>();
  return {
    add(run) {
      const runs = waiting.get(run.stream);
      if (runs === undefined) waiting.set(run.stream, [run]);
      else runs.push(run);
    },
    take() {
      if (waiting.size === 0) return [];
      const blocks = [...waiting.values()].flatMap((runs) => blocksOf(runs, chunk));
      waiting = new Map();
      return blocks;
    },
  };
}

function blocksOf(runs: readonly Run[], chunk: Chunk | null): readonly Block[] {
  const bytes = runs.reduce((sum, run) => sum + run.bytes.byteLength, 0);
  if (runs.length === 1 || bytes / runs.length >= runBytesMin)
    return runs.map((run) => blockOf(run, chunk));
  const records = runs.reduce((sum, run) => sum + run.records, 0);
  const joined = Buffer.concat(
    runs.map((run) => run.bytes),
    bytes,
  );
  return [blockOf({ ...runs[0]!, records, bytes: joined }, null)];
}

function blockOf({ stream, records, bytes }: Run, chunk: Chunk | null): Block {
  const release = chunk?.hold() ?? ((): void => undefined);
  return { type: 'BLOCK', stream, encoding: 'jsonl', records, bytes, release };
}
