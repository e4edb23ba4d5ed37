import type { JsonObject } from '../../protocol/index.ts';
import { numberCases } from './cases-numbers.ts';
import { shapeCases } from './cases-shapes.ts';
import { largeCases, textCases } from './cases-text.ts';
import { timeCases } from './cases-times.ts';

/** A value on its way from a source to a destination. What must arrive is this value, or NULL with a counted entry. */
export interface ValueCase {
  /** Unlike all others; ASCII. */
  readonly name: string;
  /** What the stream declares for the column. */
  readonly type: DeclaredType;
  /** Exact JSON text; null: the record lacks the key. `NaN` and `Infinity` are what programs print that do not care. */
  readonly value: string | null;
  /** SQL for the value in a Parquet file, where it is not plain from `value`; see parquet-file.ts. */
  readonly parquet?: string;
}

export const declaredTypes = {
  string: { type: ['null', 'string'] },
  boolean: { type: ['null', 'boolean'] },
  integer: { type: ['null', 'integer'] },
  big_integer: { type: ['null', 'integer'], airbyte_type: 'big_integer' },
  number: { type: ['null', 'number'] },
  date: { type: ['null', 'string'], format: 'date' },
  timestamptz: {
    type: ['null', 'string'],
    format: 'date-time',
    airbyte_type: 'timestamp_with_timezone',
  },
  timestamp: {
    type: ['null', 'string'],
    format: 'date-time',
    airbyte_type: 'timestamp_without_timezone',
  },
  time: { type: ['null', 'string'], format: 'time' },
  timetz: { type: ['null', 'string'], format: 'time', airbyte_type: 'time_with_timezone' },
  object: { type: ['null', 'object'] },
  array: { type: ['null', 'array'] },
  mixed: { type: ['null', 'string', 'integer', 'boolean', 'object', 'array'] },
} as const satisfies Readonly<Record<string, JsonObject>>;

export type DeclaredType = keyof typeof declaredTypes;

/** Large values last: sources look at the beginnings of files for their schema. */
export const valueCases: readonly ValueCase[] = [
  ...textCases,
  ...numberCases,
  ...timeCases,
  ...shapeCases,
  ...largeCases,
];
