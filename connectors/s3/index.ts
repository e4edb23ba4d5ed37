export type { S3Config } from './destination/config.ts';
export { s3Destination } from './destination/destination.ts';
export type { S3SourceConfig } from './source/config.ts';
export { s3Source } from './source/source.ts';
