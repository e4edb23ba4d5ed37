import { destinationSuite } from '../conformance.ts';
import { replaceSuite } from '../conformance-replace.ts';
import { createFiles } from './written.ts';

const offers = { dedup: false, tables: false };

describe.each(['jsonl', 'csv'] as const)('%s', (format) => {
  const create = () => createFiles({ format });
  destinationSuite({ name: `${format} files`, create, offers });
  replaceSuite({ name: `${format} files`, create, offers });
});
