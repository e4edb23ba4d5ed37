import {
  checkpointsOf,
  compareEpochs,
  type Checkpoint,
  type Checkpoints,
  type Epoch,
  type Scope,
} from '../../../protocol/index.ts';

/** `log` is appended to, `items` deduplicated by its three keys, `full` overwritten by each sync. */
export type StreamName = 'log' | 'items' | 'full';

/** A record of the source: what stands at a position of a stream. Later records have more fields than earlier ones. */
export interface Row {
  readonly id: number;
  readonly v: number;
  /** It has the fields f1 … fN. */
  readonly fields: number;
}

export interface Staged {
  readonly stream: StreamName;
  readonly rows: readonly Row[];
  readonly at: Checkpoint;
}

/** What a destination must hold. Pure data: a step makes a new one, and a step of unknown outcome makes two. */
export interface Model {
  /** The highest epoch that opened. */
  readonly fence: Epoch | null;
  readonly log: readonly Row[];
  readonly items: readonly Row[];
  /** null: never published. */
  readonly visible: readonly Row[] | null;
  readonly hidden: readonly Row[];
  readonly generation: number;
  readonly stored: Checkpoints;
}

export const empty: Model = {
  fence: null,
  log: [],
  items: [],
  visible: null,
  hidden: [],
  generation: 0,
  stored: checkpointsOf([]),
};

/** Fewer than a part may have records: a key comes twice in it. */
export const keys = 3;

export function rowAt(stream: StreamName, syncNo: number, position: number, fields: number): Row {
  if (stream === 'items') return { id: position % keys, v: position, fields };
  return { id: position, v: stream === 'full' ? syncNo * 1000 + position : position, fields };
}

/** Which refusal an epoch gets; null: it is let in. */
export function refusalOf({ fence }: Model, epoch: Epoch): 'raise' | 'fenced' | null {
  if (fence === null || compareEpochs(epoch, fence) >= 0) return null;
  return epoch.syncNo < fence.syncNo ? 'raise' : 'fenced';
}

/** `from`: what Temporal holds. Only a person's bare edit prevails over what is stored. */
export function opened(model: Model, epoch: Epoch, from: readonly Checkpoint[]): Model {
  const edits = from.filter(
    ({ scope, seq, edition }) => seq === 0 && edition > (model.stored[scope]?.edition ?? 0),
  );
  const isNew = epoch.syncNo > model.generation;
  return {
    ...model,
    fence: epoch,
    ...(isNew && { generation: epoch.syncNo, hidden: [] }),
    stored: { ...model.stored, ...byScope(edits) },
  };
}

/** Rows and checkpoints, together. */
export function committed(model: Model, staged: readonly Staged[]): Model {
  return staged.reduce(one, model);
}

function one(model: Model, { stream, rows, at }: Staged): Model {
  const stored = { ...model.stored, [at.scope]: at };
  switch (stream) {
    case 'log':
      return { ...model, stored, log: [...model.log, ...rows] };
    case 'items':
      return { ...model, stored, items: lastOfEach([...model.items, ...rows]) };
    case 'full': {
      const hidden = [...model.hidden, ...rows];
      if (at.complete !== true) return { ...model, stored, hidden };
      return { ...model, stored, hidden: [], visible: hidden };
    }
  }
}

function lastOfEach(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map((row) => [row.id, row])).values()];
}

function byScope(checkpoints: readonly Checkpoint[]): Record<Scope, Checkpoint> {
  return Object.fromEntries(checkpoints.map((c) => [c.scope, c])) as Record<Scope, Checkpoint>;
}
