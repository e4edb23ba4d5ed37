export type { S3Config } from './config.ts';
export { s3Destination } from './destination.ts';
