import { parseArgs } from 'node:util';
import { runProcess } from './process.ts';
import type { Natives } from './registry.ts';
import { describeReady, runWorker } from './run.ts';

/** All that a worker's process does, up to its exit code. `--json`: the line that says it is ready is JSON. Logs go to stderr. */
export function workerProcess(natives: Natives): Promise<number> {
  return runProcess({
    name: 'The worker',
    readOptions: () => parseArgs({ options: { json: { type: 'boolean' } } }).values,
    run: (process, { json }) =>
      runWorker({
        ...process,
        natives,
        onReady: (ready) =>
          console.log(json === true ? JSON.stringify(ready) : describeReady(ready)),
      }),
  });
}
