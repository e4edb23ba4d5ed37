import { isUtf8 } from 'node:buffer';
import type { SyncError } from '../../../protocol/index.ts';
import type { Batch } from './envelope.ts';
import { recordBytesMax } from './envelope.ts';
import { fileError } from './errors.ts';
import type { Position } from './reader.ts';
import type { Window } from './window.ts';

const [newline, carriageReturn] = [10, 13];

/** The records that a format finds in a window. */
export interface Found {
  /** Envelopes, one character a byte; empty where there were only blank lines. */
  readonly text: string;
  readonly records: number;
  /** Bytes of the window that they took. */
  readonly bytes: number;
  /** What is wrong with the record after them. */
  readonly failure: SyncError | null;
}

/** A text format: cuts a window into records. */
export interface TextFormat {
  /** `ended`: the window ends where the file ends. No record is cut in two: where the first is not whole, nothing is found. */
  find(window: Window, recordsMax: number, ended: boolean): Found;
}

/** A Reader of a text file. */
export class TextReader {
  readonly #file: string;
  readonly #window: Window;
  readonly #format: TextFormat;
  #ended = false;
  #failure: SyncError | null = null;

  constructor(file: string, window: Window, format: TextFormat) {
    this.#file = file;
    this.#window = window;
    this.#format = format;
  }

  async next(recordsMax: number): Promise<Batch | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      const found = this.#format.find(this.#window, recordsMax, this.#ended);
      this.#failure = found.failure;
      this.#window.advance(found.bytes);
      if (found.records > 0)
        return { bytes: Buffer.from(found.text, 'latin1'), records: found.records };
      if (found.bytes > 0 || found.failure !== null) continue;
      if (this.#ended) return null;
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    if (this.#window.bytes.byteLength > recordBytesMax)
      throw fileError(
        'config_error',
        'A record of a file is too long.',
        { file: this.#file, line: this.#window.lines + 1 },
        {
          detail: `more than ${recordBytesMax} bytes`,
          remedy:
            'See whether a newline or a closing quote is missing there, or whether the file has another format; records of this size have to be split.',
        },
      );
    this.#ended = !(await this.#window.more());
  }

  position(): Position {
    const { at, lines } = this.#window;
    return { at, lines, ...this.#window.mark() };
  }

  close(): Promise<void> {
    return this.#window.close();
  }
}

/**
 * A file that ended without a newline was read up to its end, its last line as a record. Has it grown since, its new bytes must begin with
 * that newline: else half a line was taken for a whole one.
 */
export async function leaveLastLine(file: string, window: Window): Promise<void> {
  if (window.at === 0 || window.before === newline) return;
  while (window.bytes.byteLength < 2 && (await window.more()));
  const [first, second] = window.bytes;
  if (first === undefined) return;
  if (first === newline) return window.advance(1);
  if (first === carriageReturn && (second === newline || second === undefined))
    return window.advance(second === undefined ? 1 : 2);
  throw fileError(
    'config_error',
    'The last line of a file was read before it was whole.',
    { file, line: window.lines + 1 },
    {
      remedy:
        'Write a line with its newline in one piece, or files under a name that no glob matches until they are whole. Correct that record at the destination, then reset the stream, or take what follows into another file.',
    },
  );
}

/** The position of the first byte that is not UTF-8, where one is. */
export function notUtf8(bytes: Buffer): number {
  let [good, bad] = [0, bytes.byteLength];
  // A cut within a character is not valid either, so the last valid cut is looked for from good ones only.
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isUtf8(bytes.subarray(0, wholeCharacters(bytes, middle)))) good = middle;
    else bad = middle;
  }
  return wholeCharacters(bytes, good);
}

/** `end`, moved back to where a character begins. */
function wholeCharacters(bytes: Buffer, end: number): number {
  let at = end;
  while (at > 0 && at > end - 4 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at -= 1;
  return at;
}

export function notUtf8Error(
  file: string,
  line: number,
  column: number,
  remedy: string,
): SyncError {
  return fileError(
    'config_error',
    'A file is not UTF-8.',
    { file, line, column },
    { detail: 'column in bytes', remedy },
  );
}
