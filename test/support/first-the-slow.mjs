import { statSync } from 'node:fs';

/** By what a suite's name asks for, see servers-asked.ts: one that waits for Temporal takes longest, one that needs no server is quickest. */
const rank = (path) =>
  path.endsWith('.temporal.test.ts') ? 0 : /\.\w+\.test\.ts$/.test(path.split('/').at(-1)) ? 1 : 2;

/** The order of the suites: what takes long begins first, lest a worker is left alone with it in the end. Within a kind the larger file comes first. */
export default class FirstTheSlow {
  sort(tests) {
    return tests
      .map((test) => ({ test, rank: rank(test.path), bytes: statSync(test.path).size }))
      .sort((a, b) => a.rank - b.rank || b.bytes - a.bytes)
      .map(({ test }) => test);
  }

  /** Times of earlier runs are not kept: every machine has the same order. */
  cacheResults() {}
}
