import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { SyncError } from '../protocol/index.ts';

/**
 * The keys that the workers share: what a connector changes in its config leaves this process only encrypted with the first of them. The keys
 * themselves never leave this object, so that nothing that prints it shows them.
 */
export interface KeyRing {
  /** The first one encrypts, all decrypt. Empty: none is set. */
  readonly ids: readonly string[];
  /** `bound`: what the text belongs to; elsewhere it cannot be opened. Throws when there is no key. */
  seal(text: string, bound: readonly string[]): Sealed;
  /** `place`: for people. Throws config_errors: one that names the key which is not here, one for a text that is not what was sealed. */
  open(sealed: string, bound: readonly string[], place: string): string;
  /** Gives each key, as it was written, to whoever masks secrets. */
  mask(remember: (secret: string) => void): void;
}

export interface Sealed {
  readonly keyId: string;
  readonly text: string;
}

/** The first word of what is sealed. Another way of sealing takes another one. */
const version = 'tidemark1';
const cipher = 'aes-256-gcm';
export const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

export const keyRemedy =
  'Make one (openssl rand -base64 32) and give the same to every worker: TIDEMARK_KEY, or a file that TIDEMARK_KEY_FILE names.';

interface Key {
  readonly id: string;
  readonly bytes: Buffer;
  readonly written: string;
}

/** A key of 32 bytes in base64; null: it is none. */
export function readKey(written: string): Buffer | null {
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(written)) return null;
  const bytes = Buffer.from(written, 'base64');
  return bytes.length === keyBytes ? bytes : null;
}

/** `written`: keys that `readKey` reads, the one that encrypts first. */
export function createKeyRing(written: readonly string[]): KeyRing {
  const keys: readonly Key[] = written.map((text) => {
    const bytes = readKey(text);
    if (bytes === null) throw new TypeError('It is no key.');
    return { id: idOf(bytes), bytes, written: text };
  });
  const [first] = keys;
  const ids = keys.map(({ id }) => id);
  return {
    ids,
    seal(text, bound) {
      if (first === undefined) throw new Error('There is no key.');
      const nonce = randomBytes(nonceBytes);
      const encrypt = createCipheriv(cipher, first.bytes, nonce);
      encrypt.setAAD(boundTo(bound));
      const parts = [nonce, encrypt.update(text, 'utf8'), encrypt.final(), encrypt.getAuthTag()];
      const body = Buffer.concat(parts).toString('base64url');
      return { keyId: first.id, text: [version, first.id, body].join(':') };
    },
    open(sealed, bound, place) {
      const [known, keyId = '', body = ''] = sealed.split(':');
      if (known !== version) throw unreadable(place);
      const key = keys.find(({ id }) => id === keyId);
      if (key === undefined) throw missing(keyId, ids, place);
      return decrypted(key, Buffer.from(body, 'base64url'), bound) ?? raise(unreadable(place));
    },
    mask(remember) {
      for (const key of keys) remember(key.written);
    },
  };
}

/** null: it was changed, cut, or belongs elsewhere. */
function decrypted({ bytes }: Key, body: Buffer, bound: readonly string[]): string | null {
  if (body.length < nonceBytes + tagBytes) return null;
  const nonce = body.subarray(0, nonceBytes);
  const decrypt = createDecipheriv(cipher, bytes, nonce, { authTagLength: tagBytes });
  decrypt.setAAD(boundTo(bound));
  decrypt.setAuthTag(body.subarray(-tagBytes));
  try {
    const text = decrypt.update(body.subarray(nonceBytes, -tagBytes));
    return Buffer.concat([text, decrypt.final()]).toString('utf8');
  } catch {
    return null; // the tag does not fit: why is not to be known
  }
}

/** Tells keys apart and nothing of them: shown in status and logs. */
function idOf(bytes: Buffer): string {
  return createHmac('sha256', bytes).update('tidemark key id').digest('hex').slice(0, 8);
}

function boundTo(bound: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify([version, ...bound]));
}

function raise(error: SyncError): never {
  throw error;
}

function missing(keyId: string, ids: readonly string[], place: string): SyncError {
  const has = ids.length === 0 ? 'has none' : `has ${ids.join(', ')}`;
  return new SyncError(
    'config_error',
    'A config update is encrypted with a key that this worker does not have.',
    {
      origin: 'tidemark',
      place: `${place}: key ${keyId}; this worker ${has}`,
      remedy:
        'Give this worker that key too (TIDEMARK_KEY, TIDEMARK_KEY_FILE). If it is lost: authenticate again, put the new token into the secret, and tidemark apply --forget-updates.',
      facts: { keyId },
    },
  );
}

function unreadable(place: string): SyncError {
  return new SyncError('config_error', 'A config update that Temporal holds cannot be read.', {
    origin: 'tidemark',
    place,
    remedy:
      'It was changed, or a newer version wrote it: upgrade this worker. Else authenticate again, put the new token into the secret, and tidemark apply --forget-updates.',
  });
}
