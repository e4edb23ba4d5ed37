import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checkCount,
  SyncError,
  type Checkpoint,
  type Loader,
  type OpenInput,
  type Part,
  type PartId,
  type Receipt,
  type SealedPart,
  type StreamId,
} from '../../../protocol/index.ts';
import { Gatherer } from '../../kit/gather.ts';
import { receipt } from '../../kit/receipt.ts';
import { outsideCatalog } from '../../kit/targets.ts';
import { applyCommit } from './commit.ts';
import { settingsOf, type FilesTargetConfig, type Settings } from './config.ts';
import { encodePart } from './encode.ts';
import { asTargetError } from './errors.ts';
import { layoutOf, type Layout } from './layout.ts';
import { withLock } from './lock.ts';
import { openManifest } from './opening.ts';
import { FilesPart, StagedRecords, type FilesSealedPart, type WrittenFile } from './part.ts';
import { nameValues, type Target } from './targets.ts';

interface Opened {
  readonly input: OpenInput;
  readonly settings: Settings;
  readonly layout: Layout;
  readonly targets: Map<StreamId, Target>;
  /** By stream, what its files have: headers of later parts begin with them. */
  readonly columns: Map<StreamId, readonly string[]>;
}

/** Parts are files in the staging directory; a commit puts them into their places and replaces the manifest. */
export class FilesLoader implements Loader {
  readonly #config: FilesTargetConfig;
  readonly #gatherer = new Gatherer();
  readonly #closing = new AbortController();
  /** Names in the staging directory that no manifest has. */
  readonly #uncommitted = new Set<string>();
  #opened: Opened | null = null;
  #committing: Promise<unknown> = Promise.resolve();

  constructor(config: FilesTargetConfig) {
    this.#config = config;
  }

  async open(input: OpenInput): Promise<readonly Checkpoint[]> {
    const abort = this.#endedBy(input.abort);
    return this.#guard(async () => {
      const settings = settingsOf(this.#config);
      const layout = layoutOf(settings.root);
      const { held, targets, manifest } = await openManifest(layout, settings, input, abort);
      const columns = new Map(
        targets.map(({ stream, hidden }) => {
          const { next, current } = manifest.streams[stream]!;
          return [stream, (hidden ? next : current)!.columns];
        }),
      );
      const byStream = new Map(targets.map((target) => [target.stream, target]));
      this.#opened = { input, settings, layout, targets: byStream, columns };
      return held;
    }, abort);
  }

  async part(stream: StreamId, id: PartId): Promise<Part> {
    const { input, settings, layout, targets } = this.#open();
    if (!targets.has(stream)) throw outsideCatalog(stream);
    const prefix = layout.prefix(input.connection.id);
    const staged = {
      records: `${prefix}${id}.records`,
      file: `${prefix}${id}.${settings.extension}`,
    };
    for (const name of Object.values(staged)) this.#uncommitted.add(name);
    const records = join(layout.staging, staged.records);
    const abort = this.#endedBy(input.abort);
    await this.#guard(() => rm(records, { force: true }), abort);
    return new FilesPart({
      ...{ stream, id, staged, abort, staging: layout.staging },
      gathered: this.#gatherer.part(new StagedRecords(records)),
      write: () => this.#write(stream, id, staged),
      guard: (work, signal) => this.#guard(work, signal),
    });
  }

  async commit(
    parts: readonly SealedPart[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<Receipt> {
    const { input, layout, targets } = this.#open();
    const sealed = parts as readonly FilesSealedPart[];
    for (const { stream, records, file } of sealed)
      checkCount({ stream, given: records, loaded: file?.rows ?? 0, committed: false });
    const ended = this.#endedBy(abort);
    const committing = this.#guard(
      () =>
        withLock(layout.lock, ended, () =>
          applyCommit(layout, { input, targets, parts: sealed, at }),
        ),
      ended,
    );
    this.#committing = committing.catch(() => undefined);
    const published = await committing;
    for (const stream of published) targets.set(stream, { ...targets.get(stream)!, hidden: false });
    for (const { file } of sealed) if (file !== null) this.#uncommitted.delete(file.staged);
    const written = sealed.flatMap(({ stream, file }) =>
      file === null ? [] : [{ stream, rows: file.rows, nulled: file.nulled }],
    );
    return receipt(sealed, written);
  }

  /** A commit that has begun to change files is let through: a moment, and it ends as a whole. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#committing;
    const staging = this.#opened?.layout.staging;
    if (staging === undefined) return;
    // What stays is swept by the next open.
    await Promise.allSettled(
      [...this.#uncommitted].map((name) => rm(join(staging, name), { force: true })),
    );
    this.#uncommitted.clear();
  }

  #open(): Opened {
    if (this.#opened !== null) return this.#opened;
    throw new SyncError('system_error', 'The loader is not open.', { origin: 'tidemark' });
  }

  #endedBy(abort: AbortSignal): AbortSignal {
    return AbortSignal.any([abort, this.#closing.signal]);
  }

  async #guard<T>(work: () => Promise<T>, abort: AbortSignal): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw asTargetError(error, this.#config.path, abort);
    }
  }

  async #write(
    stream: StreamId,
    id: PartId,
    staged: { readonly records: string; readonly file: string },
  ): Promise<WrittenFile> {
    const { input, settings, layout, targets, columns } = this.#open();
    const target = targets.get(stream)!;
    const encoded = await encodePart(
      join(layout.staging, staged.records),
      join(layout.staging, staged.file),
      { settings, target, columns: columns.get(stream)!, abort: this.#endedBy(input.abort) },
    );
    if (encoded.columns !== null) columns.set(stream, encoded.columns);
    const [sync, attempt, part] = id.split('-') as [string, string, string];
    const path = settings.template.path({
      ...nameValues(target),
      ...{ sync, attempt, part, ext: settings.extension },
    });
    return { staged: staged.file, path, ...encoded };
  }
}
