import { weather } from '../e2e/changes.ts';
import type { Finding } from './finding.ts';

const storm = { rows: 100_000, writesPerSecond: 1_000, killEverySeconds: 20 };
const megabyte = 1024 * 1024;
const shownMax = 5;
const lagBytesMax = 512 * megabyte;

/** A thousand writes a second, copied from the server's log while the worker is killed every 20 seconds. */
export async function changesUnderKills(seed: number, minutes: number): Promise<Finding> {
  const seconds = minutes * 60;
  const one = await weather({ ...storm, seconds, seed });
  return {
    what: 'changes of Postgres, to Postgres',
    facts: {
      ...{ seconds, writes: one.writes, kills: one.kills, attempts: one.attempts },
      'writes a second': Math.round(one.writes / seconds),
      'rows at the end': one.rows,
      'slot lag, at most MB': Math.round(one.lagBytes / megabyte),
      'behind at the end, s': (one.behindMs / 1_000).toFixed(1),
    },
    broken: [
      ...(one.differing.length === 0
        ? []
        : [
            `${one.differing.length} rows differ, such as ${one.differing.slice(0, shownMax).join(', ')}`,
          ]),
      ...(one.lagBytes <= lagBytesMax
        ? []
        : [`the slot kept more than ${lagBytesMax / megabyte} MB`]),
    ],
  };
}
