import type { LoaderDestination } from '../../protocol/index.ts';
import { warehouseCadence, WarehouseLoader } from '../kit/warehouse/loader.ts';
import { check } from './check.ts';
import { bigquerySpec, type BigQueryConfig } from './config.ts';
import { createWarehouse } from './warehouse.ts';

export const bigqueryDestination: LoaderDestination<BigQueryConfig> = {
  spec: bigquerySpec,
  guarantee: {
    delivery: 'exactly once',
    because: 'rows and checkpoint are one transaction, behind a fence',
    verifiedOn:
      'bqemulator 1.4, whose sessions and transactions the tests make as Google documents them; not yet on the service itself',
  },
  cadence: warehouseCadence,
  check,
  loader: (config) => new WarehouseLoader(createWarehouse(config)),
};
