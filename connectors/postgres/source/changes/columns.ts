import type { JsonObject } from '../../../../protocol/index.ts';
import type { MoreField } from '../selection.ts';

/** Beside a row's own columns: where in the log its change was committed, when, and when the row was deleted, as Airbyte names them. */
export const changeColumns: Readonly<Record<string, JsonObject>> = {
  _ab_cdc_lsn: { type: ['null', 'integer'] },
  _ab_cdc_updated_at: {
    type: ['null', 'string'],
    format: 'date-time',
    airbyte_type: 'timestamp_with_timezone',
  },
  _ab_cdc_deleted_at: {
    type: ['null', 'string'],
    format: 'date-time',
    airbyte_type: 'timestamp_with_timezone',
  },
};

export const cursorColumn = '_ab_cdc_lsn';

export interface ChangeFacts {
  readonly lsn: bigint;
  /** Epoch ms. */
  readonly at: number;
  readonly isGone: boolean;
}

/** As members of a record's JSON object. */
export function changeMembers({ lsn, at, isGone }: ChangeFacts): string {
  const time = JSON.stringify(new Date(at).toISOString());
  return `"_ab_cdc_lsn":${lsn},"_ab_cdc_updated_at":${time},"_ab_cdc_deleted_at":${isGone ? time : 'null'}`;
}

/** As fields of a statement that reads rows which are there. */
export function changeFields({ lsn, at }: Omit<ChangeFacts, 'isGone'>): readonly MoreField[] {
  const values: Readonly<Record<string, string>> = {
    _ab_cdc_lsn: `${lsn}::numeric`,
    _ab_cdc_updated_at: `'${new Date(at).toISOString()}'::text`,
    _ab_cdc_deleted_at: 'NULL::text',
  };
  return Object.entries(changeColumns).map(([name, schema]) => ({
    ...{ name, schema },
    sql: values[name]!,
  }));
}
