import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { csvLine } from '../../connectors/redshift/line.ts';
import { redshiftWarehouse } from '../../connectors/redshift/warehouse.ts';
import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { redshiftProduct } from '../support/redshift-server.ts';
import { seenOn } from '../support/warehouse.ts';
import { database, failure, never } from './harness.ts';
import { createRedshift, redshiftRecorder } from './redshift-harness.ts';
import { statementSuite } from './warehouse/tour.ts';
import { frozenSuite } from './warehouse/frozen.ts';

const name = seenOn('redshift', redshiftProduct);
// Within a SUPER what a double keeps, or 18 digits: its decimals are not documented.
const offers = { ...database, numerals: { json: '123456789012345678' } };

destinationSuite({ name, create: createRedshift, offers });
replaceSuite({ name, create: createRedshift, offers });

statementSuite({
  ...{ name, create: createRedshift },
  recorder: redshiftRecorder,
  warehouse: redshiftWarehouse,
  names: ({
    config: { bucket, prefix, access_key_id: id, secret_access_key: secret, iam_role },
  }) => ({
    ...{ [`${bucket}/${prefix}/`]: '<bucket>/<prefix>/', [iam_role!]: '<role>' },
    ...{ [`'${id}'`]: "'<key>'", [`'${secret}'`]: "'<secret>'" },
    ...{ public_more: '<schema>', public: '<schema>' },
  }),
  // With the access key instead of the role, and what is asked of a line that was not taken.
  async more(harness) {
    const { iam_role: _, ...config } = harness.config;
    const warehouse = redshiftWarehouse({ ...config, region: 'us-east-1' });
    const stage = await warehouse.openStage(never);
    const directory = await mkdtemp(join(tmpdir(), 'tidemark-test-redshift-'));
    try {
      const path = join(directory, 'rows');
      const bytes = gzipSync(csvLine(['id'], ['too long']));
      await writeFile(path, bytes);
      const file = { name: 'long', path, bytes: bytes.length, rows: 1, columns: ['id'] };
      await harness.query('CREATE TABLE "public"."long" (id varchar(2))');
      await stage.put(file, '"public"."long"', never);
      const error = await failure(stage.load('"public"."long"', [file], never));
      expect(error.facts).toMatchObject({ line_number: '1' });
    } finally {
      await rm(directory, { recursive: true });
      await stage.close();
    }
  },
});
frozenSuite({ name, create: createRedshift, warehouse: redshiftWarehouse });
