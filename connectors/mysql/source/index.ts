export type { MysqlSourceConfig } from './config.ts';
export { mysqlSource } from './source.ts';
