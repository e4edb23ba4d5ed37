import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { snowflakeProduct } from '../support/snowflake-server.ts';
import { seenOn } from '../support/warehouse.ts';
import { createSnowflake, snowflakeOffers } from './snowflake-harness.ts';

const suite = { name: seenOn('snowflake', snowflakeProduct), create: createSnowflake };

destinationSuite({ ...suite, offers: snowflakeOffers });
replaceSuite(suite);
