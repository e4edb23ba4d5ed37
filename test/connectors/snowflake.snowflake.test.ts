import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { createSnowflake, snowflakeOffers } from './snowflake-harness.ts';

const suite = { name: 'Snowflake', create: createSnowflake };

destinationSuite({ ...suite, offers: snowflakeOffers });
replaceSuite(suite);
