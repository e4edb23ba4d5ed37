import {
  compareEpochs,
  type Checkpoint,
  type OpenInput,
  type Scope,
  type StreamId,
} from '../../../protocol/index.ts';
import { refuseFewRows } from '../hidden.ts';
import { fenced, lastByScope, ledgerRow } from '../ledger.ts';
import type { Encoded } from './encode.ts';
import {
  placedPaths,
  type Dataset,
  type FileEntry,
  type Manifest,
  type StreamEntry,
} from './manifest.ts';
import { widened } from './opening.ts';
import type { Target } from './targets.ts';

/** A file that is to be seen. */
export interface Placing {
  /** Its name in the staging directory. */
  readonly staged: string;
  /** Below the destination's directory, with `/`. */
  readonly path: string;
}

/** `staged` absent: it is in its place, unseen until the manifest names it. */
export type PlannedFile = Encoded & Pick<Placing, 'path'> & Partial<Pick<Placing, 'staged'>>;

export interface WrittenPart {
  readonly stream: StreamId;
  /** In the order of their records; of a part without records none. */
  readonly files: readonly PlannedFile[];
}

/** What a commit changes. */
export interface Change {
  readonly manifest: Manifest;
  /** Files that are to be seen and wait in staging. */
  readonly placing: readonly Placing[];
  /** Files of the generations that were replaced. */
  readonly removing: readonly string[];
  readonly published: readonly StreamId[];
}

export interface Commit {
  readonly input: OpenInput;
  readonly targets: ReadonlyMap<StreamId, Target>;
  readonly parts: readonly WrittenPart[];
  readonly at: readonly Checkpoint[];
}

/** The manifest after the commit. Refuses a fenced writer, before anything is changed. Invariants 1 and 3. */
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
      const { path, staged } = file;
      // Named already: the answer to this commit was lost, and it is repeated.
      if (!target.hidden && staged !== undefined && !named.has(path))
        placing.push({ path, staged });
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
    for (const { path, staged } of files) if (staged !== undefined) placing.push({ path, staged });
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
  { path, staged, header, shape, rows, bytes }: PlannedFile,
): StreamEntry {
  const dataset = target.hidden ? entry?.next : entry?.current;
  // Another connection took the stream over, or another generation is being loaded.
  if (entry === undefined || dataset == null) throw fenced();
  if (target.hidden && dataset.generation !== target.generation) throw fenced();
  const file: FileEntry = {
    ...{ path, rows, bytes, generation: target.generation },
    ...(header !== null && { columns: header }),
    ...(target.hidden && staged !== undefined && { staged }),
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
