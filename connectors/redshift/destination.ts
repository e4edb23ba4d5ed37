import type { LoaderDestination } from '../../protocol/index.ts';
import { warehouseCadence, WarehouseLoader } from '../kit/warehouse/loader.ts';
import { check } from './check.ts';
import { redshiftSpec, type RedshiftConfig } from './config.ts';
import { redshiftWarehouse } from './warehouse.ts';

/** Files in S3, loaded by COPY; then one transaction. See docs/connectors.md. */
export const redshiftDestination: LoaderDestination<RedshiftConfig> = {
  spec: redshiftSpec,
  guarantee: {
    delivery: 'exactly once',
    because: 'rows and checkpoint are one transaction, behind a fence',
    verifiedOn:
      'a stand-in of ours: Postgres 15, with COPY from S3 and the rules of Redshift’s reference; never yet Redshift itself',
  },
  cadence: warehouseCadence,
  check,
  loader: (config) => new WarehouseLoader(redshiftWarehouse(config)),
};
