import { createWarehouse } from '../../connectors/bigquery/warehouse.ts';
import { bigqueryOffers, createBigQuery } from './bigquery-harness.ts';
import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { frozenSuite } from './warehouse/frozen.ts';

const suite = { name: 'BigQuery', create: createBigQuery, offers: bigqueryOffers };
destinationSuite(suite);
replaceSuite(suite);
frozenSuite({ ...suite, warehouse: createWarehouse });
