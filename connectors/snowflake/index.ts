export type { SnowflakeConfig } from './config.ts';
export { snowflakeDestination } from './destination.ts';
