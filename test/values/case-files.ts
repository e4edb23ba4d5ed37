import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesSource, type FilesConfig } from '../../connectors/files/index.ts';
import {
  columnTypes,
  type ColumnType,
  type StreamConfig,
} from '../../connectors/kit/files-source/config.ts';
import { s3Source, type S3SourceConfig } from '../../connectors/s3/index.ts';
import { never } from '../connectors/harness.ts';
import { openBucket } from '../support/s3-bucket.ts';
import { givenOf, reading, type CaseSource } from './case-source.ts';
import { csvFile } from './csv-file.ts';
import { fieldsOf, recordOf, type CaseStream, type PlacedCase } from './layout.ts';
import { parquetFile } from './parquet-file.ts';

/** The content of a file with a stream's cases, and those that it holds, as it says them. */
export interface CaseFile {
  readonly bytes: Uint8Array;
  readonly held: readonly PlacedCase[];
}

interface FileFormat {
  readonly ending: string;
  write(stream: CaseStream): CaseFile | Promise<CaseFile>;
}

/** By the name of the source that reads files of it. */
const fileFormats = {
  'JSONL files': { ending: 'jsonl', write: jsonlFile },
  'CSV files': { ending: 'csv', write: csvFile },
  'Parquet files': { ending: 'parquet', write: parquetFile },
} satisfies Readonly<Record<string, FileFormat>>;

export type FileFormatName = keyof typeof fileFormats;

/** JSON files hold JSON, not all that protocol sources print. */
function jsonlFile({ cases }: CaseStream): CaseFile {
  const held = cases.filter(
    ({ value }) => !/NaN|Infinity/.test((value ?? '').replace(/"[^"]*"/g, '')),
  );
  return { bytes: Buffer.from(held.map((one) => `${recordOf(one)}\n`).join('')), held };
}

/** Files of one format in a directory. */
export async function files(
  streams: readonly CaseStream[],
  format: FileFormatName,
): Promise<CaseSource> {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-values-')));
  const written = await writeCases(
    streams.map((stream) => [stream, format]),
    (name, bytes) => writeFileSync(join(path, name), bytes),
  );
  const config: FilesConfig = { path, streams: written.streams };
  return {
    ...reading(filesSource, config),
    catalog: await filesSource.discover(config, never),
    given: givenOf(written.held),
    drop: () => rm(path, { recursive: true, force: true }),
  };
}

/** The same bytes as objects below a prefix, each stream in a format of its own. */
export async function objects(streams: readonly InFormat[]): Promise<CaseSource> {
  const bucket = await openBucket();
  const written = await writeCases(streams, (name, bytes) => bucket.put(name, bytes));
  const config: S3SourceConfig = { ...bucket.config, streams: written.streams };
  return {
    ...reading(s3Source, config),
    catalog: await s3Source.discover(config, never),
    given: givenOf(written.held),
    drop: () => Promise.resolve(bucket.close()),
  };
}

export type InFormat = readonly [CaseStream, FileFormatName];

/** Puts each stream into a file of its own; answers what a source is told of them, and the cases that they hold. */
async function writeCases(
  streams: readonly InFormat[],
  put: (name: string, bytes: Uint8Array) => Promise<void> | void,
): Promise<{ readonly streams: readonly StreamConfig[]; readonly held: readonly CaseStream[] }> {
  const configs: StreamConfig[] = [];
  const held: CaseStream[] = [];
  for (const [stream, format] of streams) {
    const { ending, write } = fileFormats[format];
    const file = await write(stream);
    const { name } = stream;
    await put(`${name}.${ending}`, file.bytes);
    held.push({ name, cases: file.held });
    // A Parquet file has types of its own.
    const types = format === 'Parquet files' ? undefined : typesOf(stream);
    configs.push({ name, glob: `${name}.${ending}`, ...(types !== undefined && { types }) });
  }
  return { streams: configs, held };
}

/** What a person can say of columns; the others are inferred. */
const typesOf = (stream: CaseStream): Readonly<Record<string, ColumnType>> =>
  Object.fromEntries(
    [...fieldsOf(stream)].filter(([, type]) => (columnTypes as readonly string[]).includes(type)),
  ) as Record<string, ColumnType>;
