import { destinationSuite } from '../conformance.ts';
import { replaceSuite } from '../conformance-replace.ts';
import { createBucket } from './bucket.ts';

// CSV differs in what is encoded, which is the files destination's too, and tested there.
describe.each(['jsonl', 'parquet'] as const)('%s', (format) => {
  const create = () => createBucket({ format });
  const offers = { dedup: false, typed: format === 'parquet', tables: false };
  destinationSuite({ name: `${format} objects`, create, offers });
  replaceSuite({ name: `${format} objects`, create, offers });
});
