import { bigqueryProduct } from '../support/bigquery-server.ts';
import { seenOn } from '../support/warehouse.ts';
import { bigqueryOffers, createBigQuery } from './bigquery-harness.ts';
import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';

const name = seenOn('bigquery', bigqueryProduct);
const suite = { name, create: createBigQuery, offers: bigqueryOffers };
destinationSuite(suite);
replaceSuite(suite);
