import { destinationSuite } from '../conformance.ts';
import { replaceSuite } from '../conformance-replace.ts';
import { createFiles } from './written.ts';

describe.each(['jsonl', 'csv', 'parquet'] as const)('%s', (format) => {
  const create = () => createFiles({ format });
  const offers = { dedup: false, typed: format === 'parquet', tables: false };
  destinationSuite({ name: `${format} files`, create, offers });
  replaceSuite({ name: `${format} files`, create, offers });
});
