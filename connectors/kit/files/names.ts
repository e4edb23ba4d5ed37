import { caseFold, claimNames } from '../identifiers.ts';
import { ownDirectory } from './template.ts';

/** Names that some system keeps for itself. */
const devices = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;

/**
 * A name that every file system takes, as one part of a path. Bytes outside of letters, digits and `_ - .` are written as `%` and two
 * digits, as are a first or last point: different names stay different.
 */
export function safeName(name: string): string {
  const bytes = Buffer.from(name);
  const isReserved = name.toLowerCase().startsWith(ownDirectory) || devices.test(name);
  return [...bytes]
    .map((byte, i) => {
      const c = String.fromCharCode(byte);
      const isEdge = c === '.' && (i === 0 || i === bytes.length - 1);
      const isPlain = /[\w.-]/.test(c) && !isEdge && !(isReserved && i === 0);
      return isPlain ? c : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** A claimed name for each wanted one. `claimed`: those that were given out before; they are found again. */
export function claimFileNames(
  wanted: readonly string[],
  claimed: readonly string[],
): ReadonlyMap<string, string> {
  const printable = new Map(wanted.map((name) => [name, withoutNul(name)]));
  const names = claimNames([...new Set(printable.values())], {
    ...{ fold: caseFold, existing: claimed, reserved: [] },
  });
  return new Map([...printable].map(([name, text]) => [name, names.get(text)!]));
}

/** No name holds a NUL character, but leaving it away would make two names one. */
const withoutNul = (name: string): string => (name.includes('\0') ? JSON.stringify(name) : name);
