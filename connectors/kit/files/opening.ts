import type { Checkpoint, OpenInput, Scope, StreamId } from '../../../protocol/index.ts';
import { airbyteColumns } from '../columns.ts';
import { passRoot, planOpen, type LedgerRow } from '../ledger.ts';
import type { FormatSettings, WrittenFormat } from './formats.ts';
import type { Dataset, Manifest, Shape, StreamEntry } from './manifest.ts';
import { shapeWith, typingOf } from './parquet-columns.ts';
import { columnOf, nameValues, type Target } from './targets.ts';
import { timeValues } from './template.ts';

/** With the longest numbers there are; refused where a part of it is too long. */
export function longestPath({ template, extension }: FormatSettings, target: Target): string {
  const number = String(Number.MAX_SAFE_INTEGER);
  return template.path({
    ...{ ...nameValues(target), ...timeValues(0) },
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

/** By stream, what its files have: later ones begin with it. */
export function shapesOf({ streams }: Manifest, targets: readonly Target[]): Map<StreamId, Shape> {
  return new Map(
    targets.map(({ stream, hidden }): [StreamId, Shape] => {
      const { next, current } = streams[stream]!;
      const { columns, types } = (hidden ? next : current)!;
      return [stream, { columns, ...(types !== undefined && { types }) }];
    }),
  );
}
