import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartId, StreamId } from '../../../protocol/index.ts';
import { chosenLines } from '../chosen.ts';
import { exactLines } from '../duckdb/repair.ts';
import type { RecordFile } from '../duckdb/stage.ts';
import type { Gatherer } from '../gather.ts';
import { outsideCatalog } from '../targets.ts';
import { encodePart } from './encode.ts';
import type { FormatSettings } from './formats.ts';
import type { Shape } from './manifest.ts';
import { FilesPart, StagedRecords, type PartOptions, type WrittenFile } from './part.ts';
import { slicesOf } from './slices.ts';
import { nameValues, type Target } from './targets.ts';
import { timeValues, type TimeValues } from './template.ts';

/** Where a writer stages its parts. */
export interface Staging {
  readonly directory: string;
  /** Names of its files begin so. */
  readonly prefix: string;
  readonly settings: FormatSettings;
  readonly targets: ReadonlyMap<StreamId, Target>;
  /** By stream, what its files have: later ones begin with it. */
  readonly shapes: Map<StreamId, Shape>;
  readonly gatherer: Gatherer;
  /** Ends what is pending. */
  readonly abort: AbortSignal;
  readonly guard: PartOptions['guard'];
  /** Told each name in the directory before there is such a file. */
  naming?(this: void, name: string): void;
  /** Told each file once it is whole. */
  written(file: WrittenFile): Promise<void>;
}

export async function openPart(staging: Staging, stream: StreamId, id: PartId): Promise<FilesPart> {
  const target = staging.targets.get(stream);
  if (target === undefined) throw outsideCatalog(stream);
  // One time for all files of the part, however long it takes to fill, write and commit it; an attempt may last for months.
  const named: PartNames = { id, begun: timeValues(Date.now()) };
  const name = `${staging.prefix}${id}.records`;
  staging.naming?.(name);
  const records = new StagedRecords(join(staging.directory, name));
  await staging.guard(() => rm(records.path, { force: true }), staging.abort);
  const isParquet = staging.settings.format === 'parquet';
  return new FilesPart({
    ...{ stream, id, abort: staging.abort, records: records.path },
    gathered: staging.gatherer.part(records),
    lines: (bytes) => {
      const chosen = chosenLines(bytes, target);
      return isParquet ? exactLines(chosen, stream) : chosen;
    },
    write: () => {
      const { path: file, lineBytesMax } = records;
      return writeFiles(staging, target, named, { stream, file, lineBytesMax });
    },
    guard: staging.guard,
  });
}

/** What the names of a part's files are made of. */
interface PartNames {
  readonly id: PartId;
  readonly begun: TimeValues;
}

async function writeFiles(
  staging: Staging,
  target: Target,
  part: PartNames,
  records: RecordFile,
): Promise<readonly WrittenFile[]> {
  const files: WrittenFile[] = [];
  for await (const slice of slicesOf(records, staging.settings.recordBytesMax)) {
    const file = await writeSlice(staging, target, slice, {
      ...part,
      suffix: files.length === 0 ? '' : `_${files.length + 1}`,
    });
    await staging.written(file);
    files.push(file);
  }
  return files;
}

async function writeSlice(
  { directory, prefix, settings, shapes, abort, naming }: Staging,
  target: Target,
  records: RecordFile,
  { id, begun, suffix }: PartNames & { readonly suffix: string },
): Promise<WrittenFile> {
  const { stream } = records;
  const staged = `${prefix}${id}${suffix}.${settings.extension}`;
  naming?.(staged);
  const encoded = await encodePart(records, join(directory, staged), {
    ...{ settings, target, shape: shapes.get(stream)!, abort },
  });
  shapes.set(stream, encoded.shape);
  const [sync, attempt, part] = id.split('-') as [string, string, string];
  // Fixed here: a commit that is repeated finds its files where the first try put them.
  const path = settings.template.path({
    ...{ ...nameValues(target), ...begun },
    ...{ sync, attempt, part: `${part}${suffix}`, ext: settings.extension },
  });
  return { staged, path, ...encoded };
}
