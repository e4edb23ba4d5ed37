import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareEpochs, type ConnectionRef, type OpenInput } from '../../../protocol/index.ts';
import { shortHash } from '../../kit/identifiers.ts';
import type { S3Config } from './config.ts';

const prefixHashLength = 16;

/** Names of the directories of a connection's writers begin so, in the system's directory for temporary files. */
export function localPrefix(config: S3Config, { id }: ConnectionRef): string {
  const { endpoint = '', bucket, prefix = '' } = config;
  return `tidemark-s3-${shortHash(JSON.stringify([id, endpoint, bucket, prefix]), prefixHashLength)}-`;
}

/** A directory of this writer's own, for what is not sent yet. What fenced writers of the connection left on this host is removed. */
export async function makeLocalDirectory(config: S3Config, input: OpenInput): Promise<string> {
  const prefix = localPrefix(config, input.connection);
  for (const name of await readdir(tmpdir())) {
    const [, syncNo, at] = /^(\d+)-(\d+)-\w{6}$/.exec(name.slice(prefix.length)) ?? [];
    if (!name.startsWith(prefix) || syncNo === undefined) continue;
    const epoch = { syncNo: Number(syncNo), at: Number(at) };
    if (compareEpochs(epoch, input.epoch) < 0)
      await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
  const { syncNo, at } = input.epoch;
  return mkdtemp(join(tmpdir(), `${prefix}${syncNo}-${at}-`));
}
