import type { LoaderDestination } from '../../../protocol/index.ts';
import { check } from './check.ts';
import { s3Spec, type S3Config } from './config.ts';
import { S3Loader } from './loader.ts';

/** Objects, exactly once by a manifest. See docs/connectors.md. */
export const s3Destination: LoaderDestination<S3Config> = {
  spec: s3Spec,
  guarantee: {
    delivery: 'exactly once',
    because:
      'a manifest, replaced by a conditional put behind a fence, holds the checkpoints and names the objects that count',
    verifiedOn: 'SeaweedFS 4.48, a real server',
  },
  check,
  loader: (config) => new S3Loader(config),
};
