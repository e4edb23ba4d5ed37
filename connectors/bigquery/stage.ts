import { readFile } from 'node:fs/promises';
import { checkCount, SyncError } from '../../protocol/index.ts';
import type { RowFile, Stage } from '../kit/warehouse/warehouse.ts';
import { again } from './again.ts';
import type { Job, Jobs, TableReference } from './jobs.ts';
import { tableIn } from './names.ts';

/** What a job fails with that would fail again. */
const lasting = new Set(['invalid', 'notFound', 'accessDenied', 'invalidQuery', 'quotaExceeded']);

/**
 * A file is brought and loaded by one job, which does all of it or nothing: cloud.google.com/bigquery/docs/batch-loading-data. A table takes 1,500 of
 * them a day (/bigquery/quotas#load_jobs); each part has a table of its own.
 */
export function createStage(jobs: Jobs): Stage {
  return {
    async put(file, table, abort) {
      const to = tableIn(table);
      const media = await readFile(file.path);
      const configuration = { load: { ...format, destinationTable: to } };
      const load = async (attempt: number): Promise<void> => {
        const id = `tidemark_load_${file.name.replaceAll('.', '-')}_${attempt}`;
        loaded(await jobs.run(id, configuration, abort, media), file, to);
      };
      // One that has failed has loaded nothing, whoever started it, and its name is used up.
      await again(load, ({ reason }) => !lasting.has(reason), abort);
    },
    load: () => Promise.resolve(),
    // What was put is in its table, and goes with it.
    remove: () => Promise.resolve(),
    list: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}

/** Gzip is recognised. A line that is no JSON, or a key that is no column, fails the job: /docs/reference/rest/v2/Job#JobConfigurationLoad */
const format = {
  sourceFormat: 'NEWLINE_DELIMITED_JSON',
  writeDisposition: 'WRITE_APPEND',
  createDisposition: 'CREATE_NEVER',
  maxBadRecords: 0,
  ignoreUnknownValues: false,
};

/** The job may be an earlier one of the same name: that it loaded this file into this table is looked at, not trusted. Invariant 6. */
function loaded(job: Job, { rows }: RowFile, to: TableReference): void {
  const into = job.configuration?.load?.destinationTable;
  if (into?.datasetId !== to.datasetId || into.tableId !== to.tableId)
    throw new SyncError('system_error', 'A load job of this name loaded another table.', {
      origin: 'destination',
      place: `${to.datasetId}.${to.tableId}`,
      remedy: 'Nothing was committed. Retry; if it happens again, report it.',
    });
  checkCount({
    stream: to.tableId,
    given: rows,
    loaded: Number(job.statistics?.load?.outputRows ?? 0),
    committed: false,
  });
}

/** A line of a file: a column without a value is left out. */
export function lineOf(columns: readonly string[], cells: readonly (string | null)[]): string {
  const members: string[] = [];
  cells.forEach((cell, i) => {
    if (cell !== null) members.push(`${JSON.stringify(columns[i])}:${JSON.stringify(cell)}`);
  });
  return `{${members.join(',')}}\n`;
}
