import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkpoint, OpenInput, Scope } from '../../../protocol/index.ts';
import { airbyteColumns } from '../../kit/columns.ts';
import { passRoot, planOpen, type LedgerRow } from '../../kit/ledger.ts';
import type { Settings, WrittenFormat } from './config.ts';
import { makeDirectories, type Layout } from './layout.ts';
import { withLock } from './lock.ts';
import {
  readManifest,
  replaceManifest,
  type Dataset,
  type Manifest,
  type Shape,
  type StreamEntry,
} from './manifest.ts';
import { takeOver } from './owners.ts';
import { shapeWith, typingOf } from './parquet-columns.ts';
import { settleIntents, sweepStaging } from './staging.ts';
import { columnOf, nameValues, planTargets, type Target } from './targets.ts';

/** The connection's manifest, opened by a writer: its fence is set, and what earlier writers left is swept. */
export async function openManifest(
  layout: Layout,
  settings: Settings,
  input: OpenInput,
  abort: AbortSignal,
): Promise<Opening & { readonly targets: readonly Target[] }> {
  const { catalog, connection, epoch } = input;
  // Before anything is made: a catalog that can't be written is told first.
  planTargets(catalog, {}, settings.template);
  await makeDirectories(layout);
  return withLock(layout.lock, abort, async () => {
    const found = (await readManifest(layout.manifest(connection.id))) ?? emptyManifest(input);
    const wanted = planTargets(catalog, found.streams, settings.template);
    const { mine, theirs } = takeOver(found, await othersOf(layout, connection.id), input, wanted);
    const targets = planTargets(catalog, mine.streams, settings.template);
    for (const target of targets) refuseLongPath(settings, target);
    const opening = planOpening(mine, input, targets, settings.format);
    // What the other left half done is settled by its own manifest, which still names its files.
    for (const { before } of theirs) await settleIntents(layout, before);
    await replaceManifest(layout, opening.manifest);
    for (const { after } of theirs) await replaceManifest(layout, after);
    await settleIntents(layout, opening.manifest);
    await sweepStaging(layout, opening.manifest, epoch);
    return { ...opening, targets };
  });
}

async function othersOf(layout: Layout, connectionId: string): Promise<Manifest[]> {
  const others: Manifest[] = [];
  for (const name of await readdir(layout.own)) {
    const path = join(layout.own, name);
    if (!name.endsWith('.json') || path === layout.manifest(connectionId)) continue;
    const manifest = await readManifest(path);
    if (manifest !== null) others.push(manifest);
  }
  return others;
}

/** With the longest numbers there are. */
function refuseLongPath({ template, extension }: Settings, target: Target): void {
  const number = String(Number.MAX_SAFE_INTEGER);
  template.path({
    ...nameValues(target),
    ...{ generation: number, sync: number, attempt: number, part: number, ext: extension },
  });
}

export interface Opening {
  readonly manifest: Manifest;
  readonly held: readonly Checkpoint[];
}

/** What `open` makes of the connection's manifest: fences, and an entry for each target. Invariants 2 and 3. */
export function planOpening(
  found: Manifest,
  input: OpenInput,
  targets: readonly Target[],
  format: WrittenFormat,
): Opening {
  passRoot(found.fence, input.epoch);
  const plan = planOpen(found.checkpoints, input);
  const rows = new Map<Scope, LedgerRow>(
    found.checkpoints.map((row) => [row.scope, { ...row, fence: input.epoch }]),
  );
  for (const row of plan.changed) rows.set(row.scope, row);
  const streams = { ...found.streams };
  for (const target of targets)
    streams[target.stream] = entryFor(target, streams[target.stream], format);
  return {
    manifest: {
      version: 1,
      connection: { id: input.connection.id, name: input.connection.name },
      fence: input.epoch,
      checkpoints: [...rows.values()],
      streams,
    },
    held: plan.held,
  };
}

export const emptyManifest = ({ connection }: OpenInput): Manifest => ({
  version: 1,
  connection: { id: connection.id, name: connection.name },
  fence: { syncNo: 0, at: 0 },
  checkpoints: [],
  streams: {},
});

function entryFor(
  target: Target,
  known: StreamEntry | undefined,
  format: WrittenFormat,
): StreamEntry {
  const { namespace, name, generation } = target;
  const empty = (own: number): Dataset => ({ generation: own, columns: [], files: [] });
  const opened = (dataset: Dataset): Dataset =>
    widened(dataset, { columns: schemaColumns(target, dataset, format) });
  const current = known?.current ?? null;
  if (!target.hidden)
    return {
      namespace,
      name,
      current: opened(current ?? empty(0)),
      next: null,
    };
  const next = known?.next?.generation === generation ? known.next : empty(generation);
  return { namespace, name, current, next: opened(next) };
}

/** What files have before a record is seen: columns of the schema's fields, then Airbyte's. */
function schemaColumns(target: Target, dataset: Dataset, format: WrittenFormat): readonly string[] {
  if (format === 'parquet') return shapeWith(dataset, typingOf(target, dataset, [])).columns;
  return [...[...target.fields.keys()].map(columnOf), ...airbyteColumns];
}

/** With the columns that it lacks. Those it has keep their places. */
export function widened(dataset: Dataset, { columns, types }: Shape): Dataset {
  const known = new Set(dataset.columns);
  const more = columns.filter((column) => !known.has(column));
  return {
    ...dataset,
    ...(more.length > 0 && { columns: [...dataset.columns, ...more] }),
    ...(types !== undefined && { types: { ...dataset.types, ...types } }),
  };
}
