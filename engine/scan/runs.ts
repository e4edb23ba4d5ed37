import type { StreamId } from '../../protocol/index.ts';
import type { ScanItem } from './scanner.ts';

/** Gathers adjacent record lines of one stream in `bytes` into RUN items. */
export interface Runs {
  /** A record line [start, end), its line feed included. */
  add(stream: StreamId, start: number, end: number): void;
  /** Ends the run at hand, then takes an item that must come after it. */
  put(item: ScanItem): void;
  flush(): void;
}

export function createRuns(bytes: Buffer, items: ScanItem[]): Runs {
  let run: StreamId | null = null;
  let records = 0;
  let from = 0;
  let to = 0;

  function flush(): void {
    if (run !== null)
      items.push({ type: 'RUN', stream: run, records, bytes: bytes.subarray(from, to) });
    run = null;
  }

  return {
    add(stream, start, end) {
      if (run === stream && to === start) {
        records += 1;
        to = end;
        return;
      }
      flush();
      run = stream;
      records = 1;
      from = start;
      to = end;
    },
    put(item) {
      flush();
      items.push(item);
    },
    flush,
  };
}
