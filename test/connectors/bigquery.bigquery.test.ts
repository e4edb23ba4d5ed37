import { bigqueryOffers, createBigQuery } from './bigquery-harness.ts';
import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';

const suite = { name: 'BigQuery', create: createBigQuery, offers: bigqueryOffers };
destinationSuite(suite);
replaceSuite(suite);
