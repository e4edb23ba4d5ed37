import { snowflakeWarehouse } from '../../connectors/snowflake/warehouse.ts';
import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { createSnowflake, snowflakeOffers, snowflakeRecorder } from './snowflake-harness.ts';
import { statementSuite } from './warehouse/tour.ts';
import { frozenSuite } from './warehouse/frozen.ts';

const suite = { name: 'Snowflake', create: createSnowflake };

destinationSuite({ ...suite, offers: snowflakeOffers });
replaceSuite(suite);
statementSuite({
  ...suite,
  recorder: snowflakeRecorder,
  warehouse: snowflakeWarehouse,
  names: ({ schema }) => ({ [`${schema}_more`]: '<schema>', [schema]: '<schema>' }),
});
frozenSuite({ ...suite, warehouse: snowflakeWarehouse });
