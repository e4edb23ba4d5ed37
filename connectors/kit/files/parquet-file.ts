import { airbyteColumns } from '../columns.ts';
import { unknownFields } from '../duckdb/observe.ts';
import { isMalformed, repairFile } from '../duckdb/repair.ts';
import { stageRecords, typeRecords, type RecordFile } from '../duckdb/stage.ts';
import type { Statements } from '../duckdb/statements.ts';
import { quoteLiteral } from '../identifiers.ts';
import { unreadableRecord } from '../targets.ts';
import type { Contents, Encoding } from './encode.ts';
import type { Compression } from './formats.ts';
import { selected, shapeWith, typingOf, widened } from './parquet-columns.ts';
import { withDuckdb } from './parquet-duckdb.ts';

const codecs: Readonly<Record<Compression, string>> = {
  none: 'uncompressed',
  gzip: 'gzip',
  zstd: 'zstd',
  snappy: 'snappy',
};

/** DuckDB sets so many bytes aside for the dictionary of each column of text; a wide table's columns share what they may have in all. */
const dictionaryBytesMax = 1024 * 1024;
const dictionaryBytesMin = 16 * 1024;
const dictionariesBytesMax = 64 * 1024 * 1024;

const dictionaryBytes = (columns: number): number =>
  Math.min(
    dictionaryBytesMax,
    Math.max(dictionaryBytesMin, Math.floor(dictionariesBytesMax / columns)),
  );

/** Typed rows: DuckDB types the records as for a table, and writes them. */
export async function writeParquetFile(
  records: RecordFile,
  to: string,
  encoding: Encoding,
): Promise<Contents> {
  try {
    return await write(records, to, encoding);
  } catch (error) {
    if (!isMalformed(error)) throw error;
  }
  // Lines that DuckDB can't read are repaired, once.
  await repairFile(records.file, records.stream);
  try {
    return await write(records, to, encoding);
  } catch (error) {
    // The cause would hold the record.
    throw isMalformed(error) ? unreadableRecord(records.stream) : error;
  }
}

const write = (records: RecordFile, to: string, encoding: Encoding): Promise<Contents> =>
  withDuckdb(
    {
      stream: records.stream,
      memoryLimit: encoding.settings.memoryLimit,
      spill: `${records.file}.spill`,
      abort: encoding.abort,
    },
    (database) => copyTyped(database, records, to, encoding),
  );

async function copyTyped(
  database: Statements,
  records: RecordFile,
  to: string,
  { target, settings, shape }: Encoding,
): Promise<Contents> {
  const names = { staged: 'temp.staged', typed: 'temp.typed' };
  const found = await stageRecords(database, [records], names.staged);
  const known = typingOf(target, shape, []);
  const unknown = await unknownFields(database, known, names.staged);
  let typing = unknown.length === 0 ? known : typingOf(target, shape, unknown);
  let typed = await typeRecords(database, typing, names, found);
  const wider = await widened(database, typing, { staged: names.staged, found, typed });
  if (wider !== typing) {
    typing = wider;
    typed = await typeRecords(database, typing, names, found);
  }
  await database.run(`DROP TABLE ${names.staged}`);
  // Rows are copied in the order in which they were staged. Invariant 4.
  const [copied] = await database.rows(
    `COPY (SELECT ${selected(typing)} FROM ${names.typed}) TO ${quoteLiteral(to)}
       (FORMAT parquet, COMPRESSION ${codecs[settings.compression]}, USE_TMP_FILE false,
        STRING_DICTIONARY_PAGE_SIZE_LIMIT ${dictionaryBytes(typing.columns.length + airbyteColumns.length)})`,
  );
  return {
    ...{ rows: Number(copied!['Count']), nulled: typed.nulled, header: null },
    shape: shapeWith(shape, typing),
  };
}
