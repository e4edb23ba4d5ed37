import { open, type FileHandle } from 'node:fs/promises';
import { SyncError } from '../../../protocol/index.ts';
import { refusedConfig } from '../../kit/files/refused.ts';
import { createSlots, type Slots } from '../../kit/slots.ts';
import type { Metadata, Store, Upload } from './store.ts';

/** What one request carries, and so what is in memory of it, bytes. S3 takes no part below 5 MiB but the last. Invariant 7. */
export const partBytesMin = 8 * 1024 * 1024;
/** S3's own bound of one upload. */
const partsMax = 10_000;
/** Requests with a body that are under way for one sync. Invariant 7: it holds so many parts in memory at most. */
export const requestsMax = 4;

/** A local file and the object that it becomes. */
export interface Sending {
  readonly file: string;
  readonly key: string;
  readonly bytes: number;
}

/** Whether a file is sent in parts, which may begin before it is to be seen. */
export const isSentInParts = ({ bytes }: Sending): boolean => bytes > partBytesMin;

export interface Sender {
  /** Begins to send a file in parts, in the background; nothing is to be seen of it before `finish`. */
  begin(sending: Sending): void;
  /** Resolves once all of them are objects. To be repeated after a failure; what is there already is not sent again. */
  finish(sendings: readonly Sending[]): Promise<void>;
  /** Keys of objects that it has put. */
  readonly sent: ReadonlySet<string>;
  /** Gives up what is under way. */
  close(): Promise<void>;
}

/** `marks`: what tells the objects of this writer from all others. */
export function createSender(store: Store, marks: Metadata): Sender {
  const slots = createSlots(requestsMax);
  const sent = new Set<string>();
  const begun = new Map<string, Promise<Upload>>();

  const begin = (sending: Sending): Promise<Upload> => {
    const known = begun.get(sending.key);
    if (known !== undefined) return known;
    const upload = slots(() => store.upload(sending.key, marks)).then(async (opened) => {
      try {
        await sendParts(sending, opened, slots);
        return opened;
      } catch (error) {
        await opened.abort().catch(() => undefined);
        throw error;
      }
    });
    // Told by `finish`, which may try anew.
    upload.catch(() => begun.delete(sending.key));
    begun.set(sending.key, upload);
    return upload;
  };

  const complete = async (sending: Sending): Promise<void> => {
    const { file, key, bytes } = sending;
    const isPut = isSentInParts(sending)
      ? await (await begin(sending)).complete()
      : (await slots(async () => store.putIf(key, await whole(file, bytes), null, marks))) !== null;
    if (!isPut) await refuseForeign(store, key, marks);
    begun.delete(key);
    sent.add(key);
  };

  return {
    sent,
    begin: (sending) => void begin(sending),
    async finish(sendings) {
      const rest = sendings.filter(({ key }) => !sent.has(key));
      // What can be sent unseen first: so that all are to be seen at about one time.
      await Promise.all(rest.filter(isSentInParts).map(begin));
      await Promise.all(rest.map(complete));
    },
    async close() {
      const uploads = await Promise.allSettled(begun.values());
      for (const one of uploads)
        if (one.status === 'fulfilled') await one.value.abort().catch(() => undefined);
      begun.clear();
    },
  };
}

async function sendParts({ file, bytes }: Sending, upload: Upload, slots: Slots): Promise<void> {
  const partBytes = Math.max(partBytesMin, Math.ceil(bytes / partsMax));
  const handle = await open(file);
  try {
    const parts: Promise<void>[] = [];
    for (let n = 0; n * partBytes < bytes; n += 1)
      parts.push(
        slots(async () => upload.part(n + 1, await piece(handle, n * partBytes, partBytes))),
      );
    const all = await Promise.allSettled(parts);
    const failed = all.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  } finally {
    await handle.close();
  }
}

/** An object that was not put may be this writer's own: the answer was lost, and it was tried again. */
async function refuseForeign(store: Store, key: string, marks: Metadata): Promise<void> {
  const found = await store.metadata(key);
  if (Object.entries(marks).every(([name, value]) => found?.[name] === value)) return;
  if (found !== null) throw taken(store.place(key));
  throw new SyncError('transient_error', 'S3 lost an upload.', {
    origin: 'destination',
    place: store.place(key),
    remedy:
      'Look for a rule of the bucket that aborts uploads at once; the next attempt goes on from the last checkpoint.',
  });
}

async function whole(file: string, bytes: number): Promise<Buffer> {
  const handle = await open(file);
  try {
    return await piece(handle, 0, bytes);
  } finally {
    await handle.close();
  }
}

async function piece(file: FileHandle, position: number, bytesMax: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytesMax);
  let length = 0;
  while (length < bytesMax) {
    const { bytesRead } = await file.read(buffer, length, bytesMax - length, position + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

const taken = (place: string): SyncError =>
  refusedConfig(
    'An object that this writer did not put stands where one of its objects belongs.',
    place,
    'Move it away, or set another template or prefix in the config.',
  );
