import { readFileSync } from 'node:fs';
import { SyncError } from '../protocol/index.ts';
import { createKeyRing, keyBytes, readKey, type KeyRing } from './keys.ts';

/** Has no key in tidemark.yaml, which is shown and shared. It is taken out of the environment that connectors may be given from. */
export const keyVariable = 'TIDEMARK_KEY';

/** Invariant 7. */
const keysMax = 10;
const fileBytesMax = 64 * 1024;

/**
 * The workers' keys: those of `given` (TIDEMARK_KEY), else those in the file, one a line, `#` begins a comment. The first one encrypts.
 * Throws a config_error that never shows what it read.
 */
export function readKeys(given: string | undefined, file: string | null): KeyRing {
  if (given) return keyRing(given.split(/[\s,]+/).filter(Boolean), keyVariable);
  if (file === null) return createKeyRing([]);
  const lines = textOf(file)
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
  if (lines.length === 0) throw refused(`${file} holds none`);
  return keyRing(lines, file);
}

function keyRing(written: readonly string[], place: string): KeyRing {
  const bad = written.findIndex((text) => readKey(text) === null);
  if (bad >= 0) throw refused(`${place}, key ${bad + 1}`);
  if (written.length > keysMax)
    throw refused(`${place} holds ${written.length}, at most ${keysMax}`);
  return createKeyRing(written);
}

function textOf(file: string): string {
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= fileBytesMax) return bytes.toString('utf8');
  } catch (cause) {
    throw refused(`${file} (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  throw refused(`${file} is larger than ${fileBytesMax} bytes`);
}

function refused(place: string): SyncError {
  return new SyncError('config_error', 'The key of the workers cannot be used.', {
    origin: 'tidemark',
    place,
    remedy: `Give ${keyBytes} random bytes in base64: openssl rand -base64 ${keyBytes}. Several are told apart by spaces or lines, the one that encrypts first.`,
  });
}
