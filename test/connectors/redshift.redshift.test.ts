import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { database } from './harness.ts';
import { redshiftProduct } from '../support/redshift-server.ts';
import { seenOn } from '../support/warehouse.ts';
import { createRedshift } from './redshift-harness.ts';

const name = seenOn('redshift', redshiftProduct);
// Within a SUPER what a double keeps, or 18 digits: its decimals are not documented.
const offers = { ...database, numerals: { json: '123456789012345678' } };

destinationSuite({ name, create: createRedshift, offers });
replaceSuite({ name, create: createRedshift, offers });
