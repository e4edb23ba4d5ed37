import type { StreamId } from './stream.ts';
import type { SyncSummary } from './sync.ts';

/** What is done when the source offers something else than it did: take it over, leave it out, or stop until a person accepts it. */
export type SchemaPolicy = 'propagate' | 'ignore' | 'pause';

/** Of a stream, or with `column` of one of its columns. Types are words of JSON schema. */
export interface SchemaChange {
  readonly stream: StreamId;
  readonly column?: string;
  readonly change: 'added' | 'removed' | 'retyped';
  readonly from?: string;
  readonly to?: string;
}

/** How the source differs from what was accepted: names and types only, bounded. */
export interface SchemaChanges {
  /** Stands for all changes that concern what is copied: a person accepts them by it. */
  readonly id: string;
  /** False: left out, or waiting for a person. */
  readonly taken: boolean;
  /** At most `schemaChangesMax`; `count` says how many there are. */
  readonly changes: readonly SchemaChange[];
  readonly count: number;
}

export const schemaChangesMax = 20;

/** Of the last sync that looked at the source: one that failed earlier says nothing. */
export function schemaSince(history: readonly SyncSummary[]): SchemaChanges | undefined {
  return history.findLast(({ schema, outcome }) => schema !== undefined || outcome === 'succeeded')
    ?.schema;
}

export function changeText({ stream, column, change, from, to }: SchemaChange): string {
  const what = column === undefined ? `stream ${stream}` : `${stream}.${column}`;
  switch (change) {
    case 'added':
      return `+ ${what}${to === undefined ? '' : ` (${to})`}`;
    case 'removed':
      return `- ${what}`;
    case 'retyped':
      return `~ ${what} (${from ?? ''} to ${to ?? ''})`;
  }
}

/** One line for each change, below a title. */
export function schemaText({ taken, changes, count }: SchemaChanges): readonly string[] {
  const more = count - changes.length;
  return [
    `the source changed (${taken ? 'taken over' : 'not taken over'}):`,
    ...changes.map((one) => `  ${changeText(one)}`),
    ...(more > 0 ? [`  … and ${more} more`] : []),
  ];
}
