import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  compareEpochs,
  type Checkpoint,
  type OpenInput,
  type Scope,
  type StreamId,
} from '../../../protocol/index.ts';
import { fenced, lastByScope, ledgerRow } from '../../kit/ledger.ts';
import { refuseFewRows } from '../../kit/hidden.ts';
import type { Layout } from './layout.ts';
import {
  placedPaths,
  readManifest,
  replaceManifest,
  type Dataset,
  type FileEntry,
  type Manifest,
  type StreamEntry,
} from './manifest.ts';
import { widened } from './opening.ts';
import type { FilesSealedPart, WrittenFile } from './part.ts';
import { makePlaces, placeFiles, refuseTaken, type Placing } from './place.ts';
import { settleIntents, writeIntent } from './staging.ts';
import type { Target } from './targets.ts';

/** What a commit changes. */
export interface Change {
  readonly manifest: Manifest;
  /** Files that are to be seen. */
  readonly placing: readonly Placing[];
  /** Files of the generations that were replaced. */
  readonly removing: readonly string[];
  readonly published: readonly StreamId[];
}

export interface Commit {
  readonly input: OpenInput;
  readonly targets: ReadonlyMap<StreamId, Target>;
  readonly parts: readonly FilesSealedPart[];
  readonly at: readonly Checkpoint[];
}

/**
 * The commit itself; returns the streams that it published. The manifest decides: files that it does not name yet, or no longer names, are
 * written down in an intent first, so that whoever comes after a crash knows them. The lock must be held. Invariants 1 and 3.
 */
export async function applyCommit(layout: Layout, commit: Commit): Promise<readonly StreamId[]> {
  const { id } = commit.input.connection;
  const found = await readManifest(layout.manifest(id));
  const { manifest, placing, removing, published } = planCommit(found, commit);
  // A commit of this writer that failed half-way.
  await settleIntents(layout, found!);
  const directories = await makePlaces(layout.root, placing);
  await refuseTaken(layout.root, placing);
  const paths = [...placing.map(({ path }) => path), ...removing];
  if (paths.length > 0) await writeIntent(layout, id, paths);
  await placeFiles(layout, placing, directories);
  await replaceManifest(layout, manifest);
  // Committed. What can't be tidied up now is by the next commit or open.
  await settleIntents(layout, manifest).catch(() => undefined);
  await Promise.allSettled(
    placing.map(({ staged }) => rm(join(layout.staging, staged), { force: true })),
  );
  return published;
}

/** The manifest after the commit. Refuses a fenced writer, before anything is changed. The lock must be held. Invariants 1 and 3. */
export function planCommit(found: Manifest | null, commit: Commit): Change {
  const manifest = proven(found, commit);
  const { input, targets, parts, at } = commit;
  const streams: Record<StreamId, StreamEntry> = { ...manifest.streams };
  const named = placedPaths(manifest);
  const placing: Placing[] = [];
  for (const { stream, files } of parts) {
    const target = targets.get(stream)!;
    for (const file of files) {
      streams[stream] = withFile(streams[stream], target, file);
      // Named already: the answer to this commit was lost, and it is repeated.
      if (!target.hidden && !named.has(file.path)) placing.push(file);
    }
  }
  const published: StreamId[] = [];
  const removing: string[] = [];
  for (const { scope, complete } of lastByScope(at)) {
    const target = complete === true ? targets.get(scope as StreamId) : undefined;
    if (target?.hidden !== true) continue;
    const entry = streams[target.stream];
    if (entry?.next?.generation !== target.generation) throw fenced();
    const { current, next } = entry;
    const { files } = next;
    const rows = files.reduce((sum, file) => sum + file.rows, 0);
    refuseFewRows(target.stream, rows, input.rowsMin);
    placing.push(...files.map(({ path, staged }) => ({ path, staged: staged! })));
    removing.push(...(current?.files ?? []).map(({ path }) => path));
    streams[target.stream] = { ...entry, current: shown(next), next: null };
    published.push(target.stream);
  }
  const rows = new Map(manifest.checkpoints.map((row) => [row.scope, row]));
  for (const one of lastByScope(at)) rows.set(one.scope, ledgerRow(one, input.epoch));
  const changed = { ...manifest, checkpoints: [...rows.values()], streams };
  return { manifest: changed, placing, removing, published };
}

/** As the other ledgers prove it: the root must not be of a later sync, nor any of the scopes of a later epoch. Invariant 3. */
function proven(manifest: Manifest | null, { input, parts, at }: Commit): Manifest {
  if (manifest === null || manifest.fence.syncNo > input.epoch.syncNo) throw fenced();
  const fences = new Map(manifest.checkpoints.map(({ scope, fence }) => [scope, fence]));
  const scopes: Scope[] = [...at.map(({ scope }) => scope), ...parts.map(({ stream }) => stream)];
  for (const scope of scopes) {
    const fence = fences.get(scope);
    if (fence === undefined || compareEpochs(fence, input.epoch) > 0) throw fenced();
  }
  return manifest;
}

function withFile(
  entry: StreamEntry | undefined,
  target: Target,
  { path, staged, header, shape, rows, bytes }: WrittenFile,
): StreamEntry {
  const dataset = target.hidden ? entry?.next : entry?.current;
  // Another connection took the stream over, or another generation is being loaded.
  if (entry === undefined || dataset == null) throw fenced();
  if (target.hidden && dataset.generation !== target.generation) throw fenced();
  const file: FileEntry = {
    ...{ path, rows, bytes, generation: target.generation },
    ...(header !== null && { columns: header }),
    ...(target.hidden && { staged }),
  };
  const others = dataset.files.filter((one) => one.path !== path);
  const grown = { ...widened(dataset, shape), files: [...others, file] };
  return target.hidden ? { ...entry, next: grown } : { ...entry, current: grown };
}

const shown = (next: Dataset): Dataset => ({
  ...next,
  files: next.files.map((file) => {
    const { staged, ...rest } = file;
    return staged === undefined ? file : rest;
  }),
});
