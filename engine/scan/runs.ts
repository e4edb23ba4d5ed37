import type { StreamId } from '../../protocol/index.ts';
import type { ScanItem } from './scanner.ts';

/** Gathers adjacent record lines of one stream in `bytes` into RUN items. */
export interface Runs {
  /** Record lines [start, end), the last line feed included. `isCrlf`: one line, whose CR is left out. */
  add(stream: StreamId, records: number, start: number, end: number, isCrlf: boolean): void;
  /** Ends the run at hand, then takes an item that must come after it. */
  put(item: ScanItem): void;
  flush(): void;
}

const newline = Buffer.from('\n');

export function createRuns(bytes: Buffer, items: ScanItem[]): Runs {
  let run: StreamId | null = null;
  let count = 0;
  let from = 0;
  let to = 0;

  function flush(): void {
    if (run !== null)
      items.push({ type: 'RUN', stream: run, records: count, bytes: bytes.subarray(from, to) });
    run = null;
  }

  function put(item: ScanItem): void {
    flush();
    items.push(item);
  }

  return {
    add(stream, records, start, end, isCrlf) {
      if (isCrlf) {
        const line = Buffer.concat([bytes.subarray(start, end - 2), newline]);
        return put({ type: 'RUN', stream, records, bytes: line });
      }
      if (run === stream && to === start) {
        count += records;
        to = end;
        return;
      }
      flush();
      run = stream;
      count = records;
      from = start;
      to = end;
    },
    put,
    flush,
  };
}
