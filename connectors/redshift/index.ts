export { check } from './check.ts';
export type { RedshiftConfig } from './config.ts';
