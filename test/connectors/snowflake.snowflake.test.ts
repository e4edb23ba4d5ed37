import { snowflakeWarehouse } from '../../connectors/snowflake/warehouse.ts';
import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { createSnowflake, snowflakeOffers } from './snowflake-harness.ts';
import { frozenSuite } from './warehouse/frozen.ts';

const suite = { name: 'Snowflake', create: createSnowflake };

destinationSuite({ ...suite, offers: snowflakeOffers });
replaceSuite(suite);
frozenSuite({ ...suite, warehouse: snowflakeWarehouse });
