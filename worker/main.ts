import { parseArgs } from 'node:util';
import { runProcess } from './process.ts';
import { describeReady, runWorker } from './run.ts';

/** The worker's process. `--json`: the line that says it is ready is JSON. Logs go to stderr. */
const exitCode = await runProcess({
  name: 'The worker',
  readOptions: () => parseArgs({ options: { json: { type: 'boolean' } } }).values,
  run: (process, { json }) =>
    runWorker({
      ...process,
      onReady: (ready) => console.log(json === true ? JSON.stringify(ready) : describeReady(ready)),
    }),
});

process.exit(exitCode);
