import { createBucket } from '../connectors/s3/bucket.ts';
import { createFiles } from '../connectors/files/written.ts';
import { valueCases } from './cases.ts';
import { ofTables, type CaseDestination } from './destinations.ts';
import { nulledIn, outcomesOf } from './found.ts';
import { layOutTogether } from './layout.ts';
import { sources } from './sources.ts';
import { sync } from './sync.ts';

// In the layout with the fewest commits; all are tried with files, which have their bytes from the same encoders.
const stream = layOutTogether('together', valueCases);

test('what becomes of every value in Parquet objects of S3 is what becomes of it in Parquet files', async () => {
  const source = await sources['exact protocol']!([stream]);
  const found: Record<string, string>[] = [];
  try {
    const targets: readonly CaseDestination[] = [
      ofTables(await createFiles({ format: 'parquet' })),
      ofTables(await createBucket({ format: 'parquet' })),
    ];
    for (const target of targets) {
      const { nulled } = await sync(source, target);
      expect(await nulledIn(stream.name, target)).toBe(nulled);
      found.push(Object.fromEntries(await outcomesOf(stream, source, target)));
      await target.drop();
    }
  } finally {
    source.drop();
  }
  const [files, objects] = found;
  expect(Object.keys(files!).length).toBeGreaterThan(300);
  expect(Object.values(files!).filter((one) => one.startsWith('BROKEN'))).toEqual([]);
  expect(objects).toEqual(files);
});
