export type { MysqlConfig } from './destination/config.ts';
export { mysqlDestination } from './destination/destination.ts';
export type { MysqlSourceConfig } from './source/config.ts';
export { mysqlSource } from './source/source.ts';
