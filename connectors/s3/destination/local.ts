import type { ConnectionRef } from '../../../protocol/index.ts';
import { localPrefix as prefixOf } from '../../kit/local-directory.ts';
import type { S3Config } from './config.ts';

/** See kit/local-directory.ts. */
export function localPrefix(config: S3Config, connection: ConnectionRef): string {
  const { endpoint = '', bucket, prefix = '' } = config;
  return prefixOf('s3', connection, [endpoint, bucket, prefix]);
}
