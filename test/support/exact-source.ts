import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../protocol/index.ts';

/**
 * The config of the exact source: a program of ours that speaks the Airbyte protocol, sends the records 1 to `records` of each stream, resumes
 * exactly, and misbehaves as told. Like many real connectors it never notices that its reader is gone.
 */
export interface ExactConfig {
  /** Holds the journal, and the files by which a test changes what the source does while it runs. */
  readonly directory: string;
  readonly streams: readonly string[];
  /** Of each stream; the file `records` in the directory, if there, decides over it. */
  readonly records: number;
  /** A state after every so many records, and after the last. */
  readonly stateEvery?: number;
  /** A state after each of these records instead. */
  readonly statesAt?: readonly number[];
  /** No states at all. */
  readonly stateless?: boolean;
  /** Of all streams together; absent: as fast as it is read. */
  readonly recordsPerSecond?: number;
  readonly padBytes?: number;
  /** Its states hold a list of about so many bytes. */
  readonly stateBytes?: number;
  /** A secret; `${env:NAME}`. */
  readonly token?: string;
  /** The streams take turns; else one follows the other. */
  readonly interleaved?: boolean;
  readonly trouble?: Trouble;
}

/**
 * What goes wrong before record `at` of a stream. `once`: in the first attempt only.
 * `crash`: exit 1, with a trace. `wait`: until the directory holds a file `go`. `hang`: for ever, silent. `rubbish`: a record's line that
 * is broken. `flood`: 50 MB of logs, then on. `uncovered`: from here on no state, yet COMPLETE and exit 0. `stays`: every attempt sends its last record, but never exits. `miscounts`: the next state claims a record too many. `limited`: it says that its quota is back after `quotaMs`, and gives up.
 */
export interface Trouble {
  readonly what:
    | 'crash'
    | 'wait'
    | 'hang'
    | 'rubbish'
    | 'flood'
    | 'uncovered'
    | 'stays'
    | 'miscounts'
    | 'limited';
  readonly at: number;
  readonly once?: boolean;
  readonly quotaMs?: number;
}

/** A line of the journal. `at`: epoch ms. */
export type JournalEntry = { readonly pid: number; readonly at: number } & (
  | { readonly event: 'read'; readonly state: readonly unknown[] }
  | { readonly event: 'send'; readonly stream: string; readonly from: number; readonly to: number }
  | { readonly event: 'waiting' | 'troubled' | 'end' }
);

/** One run of `read`. */
export interface SourceAttempt {
  readonly pid: number;
  /** When it began, epoch ms. */
  readonly at: number;
  /** The cursor it was given by stream; a stream without one starts at the beginning. */
  readonly from: Readonly<Record<string, number>>;
  /** Ranges of ids about to be sent; the last may have been cut by a kill. */
  readonly sent: readonly { readonly stream: string; readonly from: number; readonly to: number }[];
  readonly events: readonly JournalEntry['event'][];
  /** When it had sent everything, epoch ms; null: it did not come to that. */
  readonly endedAt: number | null;
}

export const journalFile = (directory: string): string => join(directory, 'journal.jsonl');

/** The runs of `read` so far, oldest first. */
export function attemptsIn(directory: string): readonly SourceAttempt[] {
  const entries = readJournal(directory);
  const pids = [...new Set(entries.map(({ pid }) => pid))];
  return pids.map((pid) => {
    const own = entries.filter((entry) => entry.pid === pid);
    const read = own.find((entry) => entry.event === 'read');
    return {
      pid,
      at: own[0]!.at,
      from: Object.fromEntries((read?.state ?? []).map(cursorOf)),
      sent: own.flatMap((entry) => (entry.event === 'send' ? [entry] : [])),
      events: own.map(({ event }) => event),
      endedAt: own.find(({ event }) => event === 'end')?.at ?? null,
    };
  });
}

/** Records handed to the pipe over all attempts, at most. */
export function sentIn(directory: string): number {
  return attemptsIn(directory)
    .flatMap(({ sent }) => sent)
    .reduce((sum, { from, to }) => sum + to - from + 1, 0);
}

/** Lets a source that waits go on. */
export function letGo(directory: string): void {
  writeFileSync(join(directory, 'go'), '');
}

/** From now on the source has so many records in each stream. */
export function grow(directory: string, records: number): void {
  writeFileSync(join(directory, 'records'), String(records));
}

/** From now on the source has one more field: a text in every record, made of the field's name and the record's id. */
export function widen(directory: string, field: string): void {
  writeFileSync(join(directory, 'field'), field);
}

/** The field that `widen` added, if it did. */
export function fieldIn(directory: string): string | null {
  const path = join(directory, 'field');
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

/** A text for every record, to be looked for where records must not be. */
export function annotate(directory: string, note: string): void {
  writeFileSync(join(directory, 'note'), note);
}

/** Data of a test's own: record n of a stream. */
export interface ExactData {
  readonly schema: JsonObject;
  /** JSON texts, sent as they are. */
  readonly records: readonly string[];
}

const dataFile = (directory: string, stream: string): string =>
  join(directory, `data-${stream}.json`);

/** From now on the stream's records are these. */
export function giveData(directory: string, stream: string, data: ExactData): void {
  writeFileSync(dataFile(directory, stream), JSON.stringify(data));
}

/** null: its records are numbered. */
export function givenData(directory: string, stream: string): ExactData | null {
  const file = dataFile(directory, stream);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ExactData) : null;
}

function readJournal(directory: string): readonly JournalEntry[] {
  let text: string;
  try {
    text = readFileSync(journalFile(directory), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  // A line that a kill cut short is not one.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as JournalEntry);
}

interface GivenState {
  readonly stream: {
    readonly stream_descriptor: { readonly name: string };
    readonly stream_state: { readonly id: number };
  };
}

function cursorOf(state: unknown): [string, number] {
  const { stream_descriptor, stream_state } = (state as GivenState).stream;
  return [stream_descriptor.name, stream_state.id];
}
