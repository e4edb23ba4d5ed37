import type { ColumnKind } from '../columns.ts';
import { chunksOf } from './bytes.ts';
import type { StreamConfig } from './config.ts';
import { csvFormat } from './csv.ts';
import type { CsvShape } from './csv-dialect.ts';
import { headerOf, refuseRenamed, type Header } from './csv-header.ts';
import { envelopeOf, type Envelope } from './envelope.ts';
import { fileError } from './errors.ts';
import { emptyChain, grainOf } from './fingerprint.ts';
import { identify, type Identity } from './identify.ts';
import { jsonlFormat } from './jsonl.ts';
import { openParquet, parquetHash } from './parquet.ts';
import type { Resume } from './progress.ts';
import type { Reader } from './reader.ts';
import type { FoundFile, OpenFile, Stats } from './store.ts';
import { leaveLastLine, TextReader, type TextFormat } from './text.ts';
import { Window } from './window.ts';

/** A CSV file and its columns. */
export interface CsvColumns {
  readonly file: string;
  readonly names: readonly string[];
}

export interface OpenOptions {
  readonly stream: StreamConfig;
  readonly shape: CsvShape;
  /** By column, from the stream's schema. */
  readonly kinds: ReadonlyMap<string, ColumnKind>;
  /** The CSV file before it, whose columns it must go with. */
  readonly before: CsvColumns | null;
  readonly memoryLimit: string | undefined;
  readonly abort: AbortSignal;
}

/** A file that is being read. */
export interface Reading {
  readonly reader: Reader;
  /** What the system said of it when it was opened. */
  readonly stats: Stats;
  /** Of a CSV file. */
  readonly columns: CsvColumns | null;
  /** Throws when the file has changed so that what was read may be of two versions. `isEnd`: it was read to its end. */
  prove(isEnd: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file where `resume` says, if what is before that place is still the same, else at its start. */
export async function openReading(
  found: FoundFile,
  resume: Resume | null,
  options: OpenOptions,
): Promise<Reading> {
  const file = await found.open(options.abort);
  try {
    const identity = await identify(file, options.stream.format);
    const envelope = envelopeOf(options.stream.name, { ...found, modified: file.stats.modified });
    const opening = { file, identity, envelope, resume, options };
    const { reader, header } =
      identity.format === 'parquet' ? await openRows(opening) : await openText(opening);
    const columns = header === null ? null : { file: found.name, names: header.names };
    return {
      ...{ reader, stats: file.stats, columns },
      prove: (isEnd) => prove(file, identity, reader, isEnd),
      async close() {
        await reader.close();
        await file.close();
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface Opening {
  readonly file: OpenFile;
  readonly identity: Identity;
  readonly envelope: Envelope;
  readonly resume: Resume | null;
  readonly options: OpenOptions;
}

interface Opened {
  readonly reader: Reader;
  readonly header: Header | null;
}

async function openRows({ file, envelope, resume, options }: Opening): Promise<Opened> {
  const isSame = resume !== null && (await parquetHash(file)) === resume.hash;
  const { abort, memoryLimit } = options;
  const from = isSame ? resume.at : 0;
  return { reader: await openParquet({ file, abort, memoryLimit }, envelope, from), header: null };
}

async function openText(opening: Opening): Promise<Opened> {
  const { file, identity, resume, options } = opening;
  const header =
    identity.format === 'csv' ? headerOf(file.name, identity, options.shape, options.stream) : null;
  const format = formatOf(opening, header);
  const start = identity.mark + (header?.bytes ?? 0);
  // One that was left before its first record (it was empty) has nothing to go on from.
  const resumed =
    resume === null || resume.at < start ? null : await windowAt(file, identity, resume);
  if (resumed !== null) return { reader: new TextReader(file.name, resumed, format), header };
  const { before, stream } = options;
  if (header !== null && before !== null && stream.csv?.header_changes !== 'allow')
    refuseRenamed(file.name, header.names, before, stream);
  const window = new Window(chunksOf(file, identity.compression));
  await window.skipTo(start);
  return { reader: new TextReader(file.name, window, format), header };
}

function formatOf(
  { file, identity, envelope, options }: Opening,
  header: Header | null,
): TextFormat {
  if (identity.format === 'jsonl') return jsonlFormat(file.name, envelope);
  const { shape, stream, kinds } = options;
  const columns = header?.names ?? [];
  return csvFormat({
    ...{ file: file.name, dialect: shape, csv: stream.csv ?? {}, columns, kinds, envelope },
  });
}

/**
 * A window where the file was left; null: what is before that place is not what it was. An untouched file is entered in its middle, any other
 * is proven from its start.
 */
async function windowAt(
  file: OpenFile,
  { compression }: Identity,
  resume: Resume,
): Promise<Window | null> {
  const isEntered = resume.isUntouched && compression === 'none' && resume.chain !== emptyChain;
  const start = isEntered ? grainOf(resume.at) : 0;
  const window = new Window(chunksOf(file, compression, start), {
    at: start,
    chain: isEntered ? resume.chain : emptyChain,
  });
  const isThere = await window.skipTo(resume.at);
  if (!isThere || window.mark().hash !== resume.hash) {
    await window.close();
    return null;
  }
  if (isEntered) window.lines = resume.lines;
  await leaveLastLine(file.name, window);
  return window;
}

async function prove(
  file: OpenFile,
  { compression, format }: Identity,
  reader: Reader,
  isEnd: boolean,
): Promise<void> {
  const now = await file.now();
  const { size, modified, version } = file.stats;
  if (now.size === size && now.modified === modified && now.version === version) return;
  const mayGrow = format !== 'parquet' && compression === 'none' && now.size >= size;
  if (mayGrow && !isEnd) return;
  if (mayGrow && (await isAsRead(file, reader))) return;
  throw fileError(
    'transient_error',
    'A file changed while it was read.',
    { file: file.name },
    {
      detail: `${size} bytes when it was opened, ${now.size} now`,
      remedy:
        'It is read anew from its start. Whoever writes it should append whole lines only, or write another file and rename it when it is whole.',
      facts: { sizeBefore: size, sizeNow: now.size },
    },
  );
}

/** Whether only bytes were appended to what was read. */
async function isAsRead(file: OpenFile, reader: Reader): Promise<boolean> {
  const { at, hash } = reader.position();
  const window = new Window(chunksOf(file, 'none'));
  const isThere = await window.skipTo(at);
  await window.close();
  return isThere && window.mark().hash === hash;
}
