export type { RedshiftConfig } from './config.ts';
export { redshiftDestination } from './destination.ts';
