export type { MysqlConfig } from './config.ts';
export { mysqlDestination } from './destination.ts';
