export type { DuckdbConfig } from './config.ts';
export { duckdbDestination } from './destination.ts';
