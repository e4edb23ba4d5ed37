export type { BigQueryConfig } from './config.ts';
export { bigqueryDestination } from './destination.ts';
