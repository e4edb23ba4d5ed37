import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
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
import type { Shape } from '../../kit/files/manifest.ts';
import { openPart } from '../../kit/files/open-part.ts';
import { shapesOf } from '../../kit/files/opening.ts';
import { checkRows, type FilesSealedPart } from '../../kit/files/part.ts';
import type { Target } from '../../kit/files/targets.ts';
import { Gatherer } from '../../kit/gather.ts';
import { receipt } from '../../kit/receipt.ts';
import { applyCommit } from './commit.ts';
import { settingsOf, type FilesTargetConfig, type Settings } from './config.ts';
import { asTargetError } from './errors.ts';
import { layoutOf, type Layout } from './layout.ts';
import { withLock } from './lock.ts';
import { openManifest } from './opening.ts';
import { syncFile } from './place.ts';

interface Opened {
  readonly input: OpenInput;
  readonly settings: Settings;
  readonly layout: Layout;
  readonly targets: Map<StreamId, Target>;
  /** By stream, what its files have: later ones begin with it. */
  readonly shapes: Map<StreamId, Shape>;
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
      const shapes = shapesOf(manifest, targets);
      const byStream = new Map(targets.map((target) => [target.stream, target]));
      this.#opened = { input, settings, layout, targets: byStream, shapes };
      return held;
    }, abort);
  }

  async part(stream: StreamId, id: PartId): Promise<Part> {
    const { input, settings, layout, targets, shapes } = this.#open();
    return openPart(
      {
        ...{ directory: layout.staging, prefix: layout.prefix(input.connection.id) },
        ...{ settings, targets, shapes, gatherer: this.#gatherer },
        abort: this.#endedBy(input.abort),
        guard: (work, signal) => this.#guard(work, signal),
        naming: (name) => void this.#uncommitted.add(name),
        written: ({ staged }) => syncFile(join(layout.staging, staged)),
      },
      stream,
      id,
    );
  }

  async commit(
    parts: readonly SealedPart[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<Receipt> {
    const { input, layout, targets } = this.#open();
    const sealed = parts as readonly FilesSealedPart[];
    checkRows(sealed);
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
    const written = sealed.flatMap(({ stream, files }) =>
      files.map(({ staged, rows, nulled }) => ({ stream, staged, rows, nulled })),
    );
    for (const { staged } of written) this.#uncommitted.delete(staged);
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
}
