import { connectionHash } from '../../connectors/kit/warehouse/ledger.ts';
import { snowflakeWarehouse } from '../../connectors/snowflake/warehouse.ts';
import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { snowflakeProduct } from '../support/snowflake-server.ts';
import { seenOn } from '../support/warehouse.ts';
import { connection, epoch, never } from './harness.ts';
import { createSnowflake, snowflakeOffers, snowflakeRecorder } from './snowflake-harness.ts';
import { statementSuite } from './warehouse/tour.ts';
import { frozenSuite } from './warehouse/frozen.ts';

const suite = { name: seenOn('snowflake', snowflakeProduct), create: createSnowflake };

destinationSuite({ ...suite, offers: snowflakeOffers });
replaceSuite(suite);
statementSuite({
  ...suite,
  recorder: snowflakeRecorder,
  warehouse: snowflakeWarehouse,
  names: ({ schema }) => ({ [`${schema}_more`]: '<schema>', [schema]: '<schema>' }),
  // A later writer ends the transaction of one that hangs.
  async more({ config }) {
    const warehouse = snowflakeWarehouse(config);
    const hanging = await warehouse.connect(never, { connection, epoch: epoch(1) });
    const later = await warehouse.connect(never);
    await hanging.query('BEGIN TRANSACTION');
    await warehouse.takeOver!(later, connectionHash(connection), epoch(9));
    for (const session of [hanging, later]) await session.close();
  },
});
frozenSuite({ ...suite, warehouse: snowflakeWarehouse });
