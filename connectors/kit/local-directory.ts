import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareEpochs, type ConnectionRef, type OpenInput } from '../../protocol/index.ts';
import { shortHash } from './identifiers.ts';

const prefixHashLength = 16;

/** Names of the directories of a connection's writers begin so, in the system's directory for temporary files. `place`: where they write to. */
export function localPrefix(
  system: string,
  { id }: ConnectionRef,
  place: readonly string[],
): string {
  return `tidemark-${system}-${shortHash(JSON.stringify([id, ...place]), prefixHashLength)}-`;
}

/** A directory of this writer's own, for what is not sent yet. What fenced writers of the connection left on this host is removed. */
export async function makeLocalDirectory(
  prefix: string,
  input: Pick<OpenInput, 'epoch'>,
): Promise<string> {
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
