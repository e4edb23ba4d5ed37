export type { PostgresConfig } from './config.ts';
export { postgresDestination } from './destination.ts';
