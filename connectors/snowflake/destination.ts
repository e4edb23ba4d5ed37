import type { LoaderDestination } from '../../protocol/index.ts';
import { warehouseCadence, WarehouseLoader } from '../kit/warehouse/loader.ts';
import { check } from './check.ts';
import { snowflakeSpec, type SnowflakeConfig } from './config.ts';
import { snowflakeWarehouse } from './warehouse.ts';

export const snowflakeDestination: LoaderDestination<SnowflakeConfig> = {
  spec: snowflakeSpec,
  guarantee: {
    delivery: 'exactly once',
    because: 'rows and checkpoint are one transaction, behind a fence',
    verifiedOn: 'an emulator (fakesnow 0.12), and the loader’s transactions on Postgres',
  },
  cadence: warehouseCadence,
  check,
  loader: (config) => new WarehouseLoader(snowflakeWarehouse(config)),
};
