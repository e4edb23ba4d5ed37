import { readFile } from 'node:fs/promises';
import type { Stage } from '../kit/warehouse/warehouse.ts';
import type { Jobs } from './jobs.ts';
import { load } from './load.ts';
import { tableIn } from './names.ts';

/** Without a bucket: a file is brought and loaded by one job. A table takes 1,500 of them a day (/bigquery/quotas#load_jobs); each part has a table of its own. */
export function createStage(jobs: Jobs): Stage {
  return {
    async put({ name, path, rows }, table, abort) {
      await load(jobs, name, { to: tableIn(table), rows, media: await readFile(path) }, abort);
    },
    load: () => Promise.resolve(),
    // What was put is in its table, and goes with it.
    remove: () => Promise.resolve(),
    list: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}

/** A line of a file: a column without a value is left out. */
export function lineOf(columns: readonly string[], cells: readonly (string | null)[]): string {
  const members: string[] = [];
  cells.forEach((cell, i) => {
    if (cell !== null) members.push(`${JSON.stringify(columns[i])}:${JSON.stringify(cell)}`);
  });
  return `{${members.join(',')}}\n`;
}
