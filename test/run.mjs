// Runs jest over the whole tree, or over the files named, and ends with one line: `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'tidemark-jest-'));
const report = join(directory, 'report.json');
/** Suites that are told with their times: what to look at when the whole takes too long. */
const slowestMax = 10;
/** One more than the cores of the smallest machine: a third of a suite's time is waiting for servers and pauses. */
const suitesAtOnce = 3;
const jest = join(root, 'node_modules/jest/bin/jest.js');

// The SDK's native threads keep the event loop alive after the last test: forceExit. (Leaks are looked for by tests of their own.)
const { status } = spawnSync(
  process.execPath,
  [
    ...[
      '--no-warnings',
      '--experimental-vm-modules',
      jest,
      '--ci',
      '--forceExit',
      `--maxWorkers=${suitesAtOnce}`,
    ],
    ...['--json', `--outputFile=${report}`, ...process.argv.slice(2)],
  ],
  { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
);

let results;
try {
  results = JSON.parse(readFileSync(report, 'utf8'));
} catch {
  results = null;
}
rmSync(directory, { recursive: true, force: true });
if (results === null) {
  console.log('jest wrote no report: it crashed, see above');
  console.log('0 passed, 1 failed');
  process.exit(1);
}
const slowest = results.testResults
  .map(({ name, startTime, endTime }) => ({ name, seconds: (endTime - startTime) / 1_000 }))
  .sort((a, b) => b.seconds - a.seconds)
  .slice(0, slowestMax);
if (results.testResults.length > slowestMax)
  for (const { name, seconds } of slowest)
    console.log(`${seconds.toFixed(0).padStart(4)} s  ${relative(root, name)}`);
const broken = results.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
).length;
const failed = results.numFailedTests + broken;
// A test that is skipped proves nothing: it counts as failed.
const skipped = results.numPendingTests + results.numTodoTests;
if (skipped > 0) console.log(`${skipped} tests were skipped; tests may not be skipped`);
console.log(`${results.numPassedTests} passed, ${failed + skipped} failed`);
process.exit(status === 0 && skipped === 0 && results.numPassedTests > 0 ? 0 : 1);
