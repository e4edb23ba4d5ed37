import { readFile } from 'node:fs/promises';
import type { Asking } from '../kit/s3/ask.ts';
import { openAsking } from '../kit/s3/ask.ts';
import { keyPrefix } from '../kit/s3/config.ts';
import { listKeys, removeKeys } from '../kit/s3/keys.ts';
import { asS3Error } from '../kit/s3/errors.ts';
import type { Author, RowFile, Stage } from '../kit/warehouse/warehouse.ts';
import type { RedshiftConfig } from './config.ts';
import { asCopyError, copySql } from './copy.ts';
import { connect, placeOf, type RedshiftSession } from './session.ts';

/** Files below the bucket's prefix, and a session of its own that loads them. */
export async function openStage(
  config: RedshiftConfig,
  abort: AbortSignal,
  author?: Author,
): Promise<Stage> {
  const asking = await openAsking(config, { end: 'destination', checksums: 'crc32', abort });
  const prefix = keyPrefix(config);
  const place = placeOf(config);
  let session: RedshiftSession | null = null;
  const loadWith = async (
    one: RedshiftSession,
    sql: string,
    table: string,
    signal: AbortSignal,
  ) => {
    const stop = (): void => one.destroy();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await one.query(sql);
    } catch (error) {
      throw await asCopyError(error, { session: one, place, table }, signal);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  };
  return {
    put: (file, _table, signal) => putFile(asking, `${prefix}${file.name}`, file, signal),
    async load(table, files, signal) {
      const [first] = files;
      if (first === undefined) return;
      const manifest = `${prefix}${first.name}.manifest`;
      await putManifest(
        asking,
        manifest,
        files.map(({ name }) => urlOf(asking, prefix + name)),
      );
      session ??= await connect(config, signal, author);
      const copied = { table, columns: first.columns, manifest: urlOf(asking, manifest) };
      await loadWith(session, copySql(config, copied), table, signal);
    },
    async remove(start) {
      const keys = await listKeys(asking, prefix + start, 'here');
      await removeKeys(asking, keys);
    },
    async list(start) {
      const keys = await listKeys(asking, prefix + start, 'here');
      return keys.map((key) => key.slice(prefix.length));
    },
    async close() {
      await session?.close();
      asking.close();
    },
  };
}

const urlOf = ({ Bucket }: Asking, key: string): string => `s3://${Bucket}/${key}`;

/** In one piece, which is some MiB: a body that streams could not be sent again after a fault. */
async function putFile(
  { sdk, Bucket, ask, place }: Asking,
  Key: string,
  { path }: RowFile,
  abortSignal: AbortSignal,
): Promise<void> {
  try {
    const command = new sdk.PutObjectCommand({ Bucket, Key, Body: await readFile(path) });
    await ask('s3:PutObject', Key, (s3) => s3.send(command, { abortSignal }));
  } catch (error) {
    const asked = { action: 's3:PutObject', end: 'destination', place: place(Key) } as const;
    throw asS3Error(error, asked, abortSignal);
  }
}

/** `mandatory`: a file that is not there ends the COPY, which would leave it out otherwise. Invariant 1. (…/dg/loading-data-files-using-manifest.html) */
async function putManifest(
  { sdk, Bucket, ask, options }: Asking,
  Key: string,
  urls: readonly string[],
): Promise<void> {
  const entries = urls.map((url) => ({ url, mandatory: true }));
  const Body = JSON.stringify({ entries });
  await ask('s3:PutObject', Key, (s3) =>
    s3.send(new sdk.PutObjectCommand({ Bucket, Key, Body }), options),
  );
}
