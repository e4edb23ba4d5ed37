import { randomUUID } from 'node:crypto';
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
import { checkRows, type FilesSealedPart, type WrittenFile } from '../../kit/files/part.ts';
import type { Target } from '../../kit/files/targets.ts';
import { aborted, Gatherer } from '../../kit/gather.ts';
import { makeLocalDirectory } from '../../kit/local-directory.ts';
import { receipt } from '../../kit/receipt.ts';
import { applyCommit } from './commit.ts';
import { placeOf } from '../../kit/s3/config.ts';
import { asS3Error } from '../../kit/s3/errors.ts';
import { settingsOf, type S3Config, type Settings } from './config.ts';
import { connectionMark, createIntents } from './intents.ts';
import { layoutOf } from './layout.ts';
import { localPrefix } from './local.ts';
import type { Held } from './manifest.ts';
import { openManifest, type Place } from './opening.ts';
import { createSender, isSentInParts, type Sender, type Sending } from './sender.ts';
import { openStore, type Store } from './store.ts';

interface Opened {
  readonly input: OpenInput;
  readonly settings: Settings;
  readonly directory: string;
  readonly place: Place;
  readonly sender: Sender;
  readonly targets: Map<StreamId, Target>;
  readonly shapes: Map<StreamId, Shape>;
}

/** Parts are files in a local directory until they are objects; a commit makes them so, and replaces the manifest. */
export class S3Loader implements Loader {
  readonly #config: S3Config;
  readonly #gatherer = new Gatherer();
  readonly #closing = new AbortController();
  #store: Store | null = null;
  #directory: string | null = null;
  #opened: Opened | null = null;
  /** The manifest as it was last put; null: not known. */
  #held: Held | null = null;

  constructor(config: S3Config) {
    this.#config = config;
  }

  async open(input: OpenInput): Promise<readonly Checkpoint[]> {
    const abort = this.#endedBy(input.abort);
    return this.#guard(async () => {
      const settings = settingsOf(this.#config);
      const store = (this.#store = await openStore(this.#config, abort));
      const layout = layoutOf(settings.prefix);
      const { connection, epoch } = input;
      const intents = createIntents(store, layout.intent(connection.id, epoch));
      const place = { store, layout, intents };
      const { held, checkpoints, targets } = await openManifest(place, settings, input);
      const directory = (this.#directory = await makeLocalDirectory(
        localPrefix(this.#config, input.connection),
        input,
      ));
      this.#held = held;
      const marks = { [connectionMark]: connection.id, 'tidemark-writer': randomUUID() };
      this.#opened = {
        ...{ input, settings, directory, place, sender: createSender(store, marks) },
        targets: new Map(targets.map((target) => [target.stream, target])),
        shapes: shapesOf(held.manifest, targets),
      };
      return checkpoints;
    }, abort);
  }

  async part(stream: StreamId, id: PartId): Promise<Part> {
    const { input, settings, directory, targets, shapes } = this.#open();
    return openPart(
      {
        ...{ directory, prefix: '', settings, targets, shapes, gatherer: this.#gatherer },
        abort: this.#endedBy(input.abort),
        guard: (work, signal) => this.#guard(work, signal),
        written: (file) => this.#send(file),
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
    const { input, place, sender, targets } = this.#open();
    const sealed = parts as readonly FilesSealedPart[];
    checkRows(sealed);
    const files = sealed.flatMap((part) => part.files);
    const planned = sealed.map((part) => ({
      stream: part.stream,
      // Objects have their keys from the beginning: nothing waits to be placed.
      files: part.files.map(({ path, rows, nulled, bytes, header, shape }) => ({
        ...{ path, rows, nulled, bytes, header, shape },
      })),
    }));
    const ended = this.#endedBy(abort);
    if (ended.aborted) throw aborted();
    // Its requests are ended with the loader's.
    abort.addEventListener('abort', () => this.#closing.abort(), { once: true });
    const held = this.#held;
    // Whatever happens to this commit, it is known again once it has succeeded.
    this.#held = null;
    const committed = await this.#guard(
      () =>
        applyCommit(
          { place, sender, held, sendings: files.map((file) => this.#sendingOf(file)) },
          { input, targets, parts: planned, at },
        ),
      ended,
    );
    this.#held = committed.held;
    for (const stream of committed.published)
      targets.set(stream, { ...targets.get(stream)!, hidden: false });
    await Promise.allSettled(files.map(({ staged }) => rm(this.#local(staged), { force: true })));
    return receipt(
      sealed,
      sealed.flatMap(({ stream, files: own }) =>
        own.map(({ rows, nulled }) => ({ stream, rows, nulled })),
      ),
    );
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#opened?.sender.close();
    this.#store?.close();
    // What stays, here and there, is swept by the next open.
    if (this.#directory !== null) await rm(this.#directory, { recursive: true, force: true });
    this.#directory = null;
  }

  /** What is sent in parts begins at once, beside what is read meanwhile. It is announced first. */
  async #send(file: WrittenFile): Promise<void> {
    const { place, sender } = this.#open();
    const sending = this.#sendingOf(file);
    if (!isSentInParts(sending)) return;
    await place.intents.announce({ placing: [sending.key], removing: [] });
    sender.begin(sending);
  }

  #sendingOf({ path, staged, bytes }: WrittenFile): Sending {
    return { file: this.#local(staged), key: this.#open().place.layout.key(path), bytes };
  }

  #local(name: string): string {
    return join(this.#open().directory, name);
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
      throw asS3Error(
        error,
        { action: 's3', end: 'destination', place: placeOf(this.#config) },
        abort,
      );
    }
  }
}
