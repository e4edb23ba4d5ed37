import { gunzipSync, gzipSync } from 'node:zlib';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import { SyncError } from '../protocol/index.ts';

/** Larger payloads are compressed: states of many streams repeat themselves. */
const compressAboveBytes = 64 * 1024;
/** A payload that unpacks to more than this is refused. */
const unpackedBytesMax = 256 * 1024 * 1024;

const gzipEncoding = 'binary/gzip';
/** The encoding under the compression. */
const innerEncoding = 'tidemark-encoding';

const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();

/** How many bytes a JSON text has on its way. */
export function packedLength(text: string): number {
  const bytes = Buffer.from(text);
  return bytes.length <= compressAboveBytes ? bytes.length : gzipSync(bytes).length;
}

function compress(payload: Payload): Payload {
  const { data, metadata } = payload;
  // Not `byteLength`: protobuf's empty bytes are a plain array.
  if (data === undefined || data === null || data.length <= compressAboveBytes) return payload;
  const encoding = metadata?.['encoding'] ?? Buffer.from('');
  return {
    metadata: { ...metadata, [innerEncoding]: encoding, encoding: Buffer.from(gzipEncoding) },
    data: gzipSync(data),
  };
}

function expand(payload: Payload): Payload {
  const { data, metadata } = payload;
  if (text(metadata?.['encoding']) !== gzipEncoding) return payload;
  const { [innerEncoding]: encoding, ...rest } = metadata ?? {};
  if (encoding === undefined || data === undefined || data === null)
    throw new SyncError('system_error', 'A compressed payload is not one of ours.', {
      origin: 'tidemark',
      remedy: 'Use the same version of Tidemark for every client and worker.',
    });
  return {
    metadata: { ...rest, encoding },
    data: gunzipSync(data, { maxOutputLength: unpackedBytesMax }),
  };
}

/**
 * The work is synchronous on purpose: a codec that waits would let an activity's end overtake its last heartbeat, which the server then
 * refuses, and the checkpoint in it would be lost.
 */
const gzipCodec: PayloadCodec = {
  encode: async (payloads) => payloads.map(compress),
  decode: async (payloads) => payloads.map(expand),
};

/** For every client and worker. Outside the workflow bundle: codecs run beside the sandbox. */
export const dataConverter: DataConverter = { payloadCodecs: [gzipCodec] };
