import { testBucket, type TestBucket } from '../support/bigquery-bucket.ts';
import { bigqueryProduct } from '../support/bigquery-server.ts';
import { seenOn } from '../support/warehouse.ts';
import { createWarehouse } from '../../connectors/bigquery/warehouse.ts';
import { bigqueryOffers, bigqueryRecorder, createBigQuery } from './bigquery-harness.ts';
import { trick } from './bigquery-wire.ts';
import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { never } from './harness.ts';
import { statementSuite } from './warehouse/tour.ts';
import { frozenSuite } from './warehouse/frozen.ts';

const name = seenOn('bigquery', bigqueryProduct);
const suite = { name, create: createBigQuery, offers: bigqueryOffers };
destinationSuite(suite);
replaceSuite(suite);

/** As long as it says RUNNING, a job is waited for. */
const running = async (response: Response): Promise<Response> => {
  const job = (await response.json()) as object;
  return Response.json({ ...job, status: { state: 'RUNNING' } });
};

let bucket: TestBucket | undefined;
statementSuite({
  ...suite,
  async create() {
    bucket = await testBucket();
    return createBigQuery();
  },
  recorder: bigqueryRecorder,
  warehouse: createWarehouse,
  names: ({ config: { dataset, project } }) => ({
    ...{ [`${dataset}_more`]: '<dataset>', [dataset]: '<dataset>', [project]: '<project>' },
    ...(bucket && { [bucket.name]: '<bucket>' }),
  }),
  async more({ config, destination }) {
    const inBucket = { ...config, staging_bucket: bucket!.name, staging_prefix: 'a/b' };
    await destination.check(inBucket, never);
    const stage = await createWarehouse(inBucket).openStage(never);
    await stage.list('_tidemark_part_');
    await stage.close();
    const warehouse = createWarehouse(config);
    const session = await warehouse.connect(never);
    trick({ request: /^POST \/jobs/, answer: running });
    await session.query('SELECT 1');
    // What is pending is cancelled.
    trick({
      request: /^POST \/jobs/,
      answer: (response) => {
        session.destroy();
        return Promise.resolve(response);
      },
    });
    await expect(session.query('SELECT 1')).rejects.toThrow('closed');
  },
});
frozenSuite({ ...suite, warehouse: createWarehouse });
