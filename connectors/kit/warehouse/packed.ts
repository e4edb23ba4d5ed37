import { gunzipSync, gzipSync } from 'node:zlib';
import { SyncError } from '../../../protocol/index.ts';

/** No JSON begins so. */
const mark = 'gzip:';

/** A text of ours, made shorter where the system's columns hold no more bytes than this. Refuses what is too long even so. */
export function packed(text: string, bytesMax: number | undefined): string {
  if (bytesMax === undefined || Buffer.byteLength(text) <= bytesMax) return text;
  const short = `${mark}${gzipSync(text).toString('base64')}`;
  if (short.length <= bytesMax) return short;
  throw new SyncError(
    'config_error',
    'A state, or what the source offers, is longer than the destination has room for.',
    {
      origin: 'destination',
      remedy: 'Split the connection: fewer streams each, from a source that offers fewer.',
      facts: { bytes: Buffer.byteLength(text), compressed: short.length, bytesMax },
    },
  );
}

export const unpacked = (text: string): string =>
  text.startsWith(mark)
    ? gunzipSync(Buffer.from(text.slice(mark.length), 'base64')).toString()
    : text;
