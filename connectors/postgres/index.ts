export type { PostgresConfig } from './destination/config.ts';
export { postgresDestination } from './destination/destination.ts';
export type { PostgresSourceConfig } from './source/config.ts';
export { postgresSource } from './source/source.ts';
