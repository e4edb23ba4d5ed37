import * as fc from 'fast-check';
import { Sessions, type Harness } from '../harness.ts';
import { commands } from './commands.ts';
import { Play } from './play.ts';

// Lines that were broken on purpose, and what the test then said:
//
// 1  connectors/postgres/destination/loader.ts: COMMIT and BEGIN after `ledger.advance` → stopped in between, a checkpoint lacked its rows.
// 1  connectors/duckdb/loader.ts: without `ledger.advance` → rows without their checkpoint.
// 2  connectors/kit/ledger.ts: `from.edition < row.edition` in `prevails` → an edit that was used up counted again.
// 3  connectors/kit/ledger.ts: `passRoot` without `raise` → an attempt of an older sync was let in.
// 3  connectors/duckdb/ledger.ts: `prove` and `advance` without their epochs → a writer that was fenced off wrote its rows.
// 4  connectors/postgres/destination/commit.ts: `min` of the ordinals → of two records with one key the first won.
//    connectors/kit/hidden.ts: `sweepHidden` drops nothing → tables of earlier generations stayed out of sight.
//
// Where two lines uphold the same (planOpen's fence beside the root's, a part's trimming beside its unsent pieces), breaking one stays green.

/** More for a night: TIDEMARK_MODEL_RUNS=2000. Again with a seed that failed: TIDEMARK_MODEL_SEED. */
const runsAsked = process.env['TIDEMARK_MODEL_RUNS'];
const seed = process.env['TIDEMARK_MODEL_SEED'];
/** For one run, on a machine that has other work to do. */
const runMsMax = 10_000;

/** Two writers of one connection, in any order of things that happen to them, against what a model of the destination allows. */
export function modelSuite<C>(options: {
  readonly name: string;
  readonly runs: number;
  create(): Promise<Harness<C>>;
}): void {
  const runs = Number(runsAsked ?? options.runs);
  test(
    `${options.name} holds what the model says, whatever two writers do and whenever they die`,
    async () => {
      await fc.assert(
        fc.asyncProperty(commands, async (list) => {
          const harness = await options.create();
          const sessions = new Sessions(harness);
          try {
            await new Play(harness, sessions).run(list);
          } finally {
            await sessions.close();
            await harness.drop();
          }
        }),
        { numRuns: runs, ...(seed !== undefined && { seed: Number(seed) }) },
      );
    },
    runMsMax * runs,
  );
}
