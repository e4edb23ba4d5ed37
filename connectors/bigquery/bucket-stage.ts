import { readFile } from 'node:fs/promises';
import { shortHash } from '../kit/identifiers.ts';
import { createSlots } from '../kit/slots.ts';
import type { RowFile, Stage } from '../kit/warehouse/warehouse.ts';
import type { Bucket } from './bucket.ts';
import type { Jobs } from './jobs.ts';
import { load } from './load.ts';
import { tableIn } from './names.ts';

/** Of one load job: /bigquery/quotas#load_jobs. Its 15 TB are more than a part has. */
const urisMax = 10_000;
/** Requests at once. Invariant 7. */
const removingMax = 8;
const hashLength = 16;

/** BigQuery knows the compression by it, or by the bytes. */
const suffix = '.gz';

/** Files wait in a bucket until one job loads all those of a part. */
export function createBucketStage(jobs: Jobs, bucket: Bucket): Stage {
  const closing = new AbortController();
  return {
    async put({ name, path }, _table, abort) {
      await bucket.put(name + suffix, await readFile(path), abort);
    },
    async load(table, files, abort) {
      const to = tableIn(table);
      for (let at = 0; at < files.length; at += urisMax) {
        const some = files.slice(at, at + urisMax);
        const uris = some.map(({ name }) => bucket.uri(name + suffix));
        const rows = some.reduce((sum, file) => sum + file.rows, 0);
        await load(jobs, jobName(to.tableId, some), { to, rows, uris }, abort);
      }
    },
    async remove(start) {
      const slots = createSlots(removingMax);
      const names = await bucket.list(start, closing.signal);
      await Promise.all(names.map((name) => slots(() => bucket.remove(name, closing.signal))));
    },
    list: (start) => bucket.list(start, closing.signal),
    close() {
      closing.abort();
      return Promise.resolve();
    },
  };
}

/** By the part and by what is in its files, whose names hold their hashes. */
const jobName = (table: string, files: readonly RowFile[]): string =>
  `${table}-${shortHash(JSON.stringify(files.map(({ name }) => name)), hashLength)}`;
