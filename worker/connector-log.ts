import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** The log of a sync's connectors, in rotated files of the worker's state directory. */
export interface ConnectorLog {
  /** Adds a line, told apart by who printed it. Texts must come redacted. Never throws: a full disk must not stop a sync. */
  line(source: string, text: string): void;
  close(): void;
}

export interface ConnectorLogPlace {
  readonly directory: string;
  readonly connection: string;
  /** 0 for probes. */
  readonly syncNo: number;
}

export interface ConnectorLogLimits {
  readonly fileBytesMax: number;
  /** Of one sync; then its oldest file goes. */
  readonly filesMax: number;
  /** Of one connection; then its oldest sync's files go. */
  readonly syncsMax: number;
}

export const connectorLogLimits: ConnectorLogLimits = {
  fileBytesMax: 10 * 1024 * 1024,
  filesMax: 5,
  syncsMax: 20,
};

/** What waits in memory for the disk: this long, or this much. Milliseconds, characters. */
const flushMsMax = 100;
const flushLengthMax = 64 * 1024;

/** Several may be open for one sync, also in several processes: each adds whole lines at the end. */
export function openConnectorLog(
  place: ConnectorLogPlace,
  limits: ConnectorLogLimits = connectorLogLimits,
): ConnectorLog {
  const directory = directoryOf(place);
  let waiting = '';
  let timer: NodeJS.Timeout | undefined;
  let file: number | null = null;

  /** The last file of the sync that has room; the number of a full one is never used again. */
  function fileWithRoom(): number {
    if (file !== null && fstatSync(file).size < limits.fileBytesMax) return file;
    if (file !== null) closeSync(file);
    file = null;
    for (let part = partsOf(directory, place.syncNo).at(-1) ?? 1; ; part += 1) {
      const opened = openSync(join(directory, fileName(place.syncNo, part)), 'a', 0o600);
      if (fstatSync(opened).size < limits.fileBytesMax) {
        file = opened;
        break;
      }
      closeSync(opened);
    }
    prune(directory, place.syncNo, limits);
    return file;
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const text = waiting;
    waiting = '';
    if (text === '') return;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeSync(fileWithRoom(), text);
    } catch (error) {
      // The log is lost, the data is not.
      process.emitWarning(`Connector log not written: ${(error as Error).message}`);
    }
  }

  return {
    line(source, text) {
      waiting += `${new Date().toISOString()} [${source}] ${oneEntry(text)}\n`;
      if (waiting.length >= flushLengthMax) return flush();
      timer ??= setTimeout(flush, flushMsMax).unref();
    },
    close() {
      flush();
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}

/** Bytes at the end of the log that are looked at for its last lines. */
const tailBytesMax = 1024 * 1024;

/** The last lines of the connection's newest sync, newest last. Empty when there is no log. */
export function readTail(directory: string, connection: string, lines: number): string {
  const place = { directory, connection, syncNo: 0 };
  const path = directoryOf(place);
  const syncNo = syncsOf(path).at(-1);
  if (syncNo === undefined || lines < 1) return '';
  let text = '';
  for (const part of partsOf(path, syncNo).reverse()) {
    text = endOf(join(path, fileName(syncNo, part)), tailBytesMax - text.length) + text;
    if (text.length >= tailBytesMax || text.split('\n').length > lines) break;
  }
  return text.replace(/\n$/, '').split('\n').slice(-lines).join('\n');
}

function endOf(path: string, bytesMax: number): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, bytesMax));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8', 0, read);
  } finally {
    closeSync(file);
  }
}

/** Names come from people: none may lead elsewhere. */
function directoryOf({ directory, connection }: ConnectorLogPlace): string {
  return join(
    directory,
    encodeURIComponent(connection).replace(/^\.+$/, (dots) => `%${dots}`),
  );
}

function fileName(syncNo: number, part: number): string {
  return `sync-${syncNo}.${part}.log`;
}

interface LogFile {
  readonly syncNo: number;
  readonly part: number;
}

function filesOf(directory: string): readonly LogFile[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .map((name) => /^sync-(\d+)\.(\d+)\.log$/.exec(name))
    .filter((match) => match !== null)
    .map((match) => ({ syncNo: Number(match[1]), part: Number(match[2]) }))
    .sort((a, b) => a.syncNo - b.syncNo || a.part - b.part);
}

function partsOf(directory: string, syncNo: number): number[] {
  return filesOf(directory)
    .filter((file) => file.syncNo === syncNo)
    .map((file) => file.part);
}

function syncsOf(directory: string): number[] {
  return [...new Set(filesOf(directory).map((file) => file.syncNo))];
}

function prune(directory: string, syncNo: number, limits: ConnectorLogLimits): void {
  const oldSyncs = new Set(syncsOf(directory).slice(0, -limits.syncsMax));
  const oldParts = new Set(partsOf(directory, syncNo).slice(0, -limits.filesMax));
  for (const file of filesOf(directory))
    if (oldSyncs.has(file.syncNo) || (file.syncNo === syncNo && oldParts.has(file.part)))
      rmSync(join(directory, fileName(file.syncNo, file.part)), { force: true });
}

/** An entry of several lines stays recognisable as one; what would move a terminal's cursor is dropped. */
function oneEntry(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is meant
  return text.replace(/\r?\n/g, '\n  ').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
}
