import { redshiftWarehouse } from '../../connectors/redshift/warehouse.ts';
import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { database } from './harness.ts';
import { createRedshift } from './redshift-harness.ts';
import { frozenSuite } from './warehouse/frozen.ts';

const name = 'Redshift (a stand-in over Postgres and S3)';
// Within a SUPER what a double keeps, or 18 digits: its decimals are not documented.
const offers = { ...database, numerals: { json: '123456789012345678' } };

destinationSuite({ name, create: createRedshift, offers });
replaceSuite({ name, create: createRedshift, offers });
frozenSuite({ name, create: createRedshift, warehouse: redshiftWarehouse });
