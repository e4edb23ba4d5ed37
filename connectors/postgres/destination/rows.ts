import { brokenToTell, type Table } from '../../kit/tables.ts';
import { deletedAtField } from '../../kit/columns.ts';
import { quoteLiteral } from '../../kit/identifiers.ts';
import { givenByField, nothingGiven, type Fields } from './fields.ts';
import { givenByJson, own, type Given, type Manner } from './types.ts';

/** Later than this many ms is no time that Postgres knows. */
const emittedAtMax = '1e14';

/** What the rows of a part that came in one encoding give, as expressions over `from`. */
export interface Rows {
  readonly from: string;
  readonly ordinal: string;
  given(this: void, field: string): Given;
  /** When it was emitted; NULL where that is no time. */
  readonly extracted: string;
  /** True for a record that says that its row was deleted, also where the time it names is no use. */
  readonly gone: string;
  /** Changes that its source told, jsonb, and whether it told any. null: it can't. */
  readonly changes: string;
  readonly hasChanges: string | null;
  /** Fields whose values were lost on the way here, text[] or NULL, and whether there are some. null: none can be. */
  readonly broken: string;
  readonly isBroken: string | null;
  /** What of `from` these need once the values are typed. */
  readonly carried: readonly string[];
}

/** Records, as `line`. */
export function jsonRows(part: string, table: Table): Rows {
  const emitted = `${own.record}->'emitted_at'`;
  const meta = `${own.record}->'meta'->'changes'`;
  const told = brokenToTell(table);
  const only =
    told === null ? '' : ` WHERE f = ANY (ARRAY[${told.map(quoteLiteral).join(', ')}]::text[])`;
  return {
    from: `(SELECT ordinal AS ${own.ordinal}, line->'record' AS ${own.record}, line->'record'->'data' AS ${own.data},
      line->'_tidemark'->'nulled' AS ${own.broken} FROM ${part} WHERE emitted IS NULL OFFSET 0) s`,
    ordinal: own.ordinal,
    given: givenByJson,
    extracted: `CASE WHEN jsonb_typeof(${emitted}) = 'number' AND abs((${emitted})::numeric) < ${emittedAtMax} THEN to_timestamp((${emitted})::float8 / 1000) END`,
    gone: `(${givenByJson(deletedAtField).isThere} OR coalesce(${own.broken} ? ${quoteLiteral(deletedAtField)}, false))`,
    changes: `CASE WHEN jsonb_typeof(${meta}) = 'array' THEN ${meta} ELSE '[]'::jsonb END`,
    hasChanges: `${meta} IS NOT NULL`,
    isBroken: `${own.broken} IS NOT NULL`,
    broken: `CASE WHEN jsonb_typeof(${own.broken}) = 'array' THEN ARRAY(SELECT f FROM jsonb_array_elements_text(${own.broken}) f${only}) END`,
    carried: [own.ordinal, own.record, own.data, own.broken],
  };
}

/** Rows as fields. Carefully, a row goes along whole: its cells could be called as columns are. */
export function fieldRows(part: string, fields: Fields, manner: Manner): Rows {
  const isCareful = manner === 'careful';
  const given = (field: string): Given => {
    const known = fields.get(field);
    if (known === undefined) return nothingGiven;
    const cell = isCareful ? `(${own.data}).${known.cell}` : `s.${known.cell}`;
    return givenByField(known.kind, cell, manner);
  };
  const emitted = isCareful ? `(${own.data}).emitted` : 's.emitted';
  return {
    from: isCareful
      ? `(SELECT r.ordinal AS ${own.ordinal}, r AS ${own.data} FROM ${part} r WHERE r.emitted IS NOT NULL OFFSET 0) s`
      : `(SELECT * FROM ${part} WHERE emitted IS NOT NULL) s`,
    ordinal: isCareful ? own.ordinal : 's.ordinal',
    given,
    extracted: `CASE WHEN abs(${emitted}) < ${emittedAtMax} THEN to_timestamp(${emitted}::float8 / 1000) END`,
    gone: `(${given(deletedAtField).isThere})`,
    changes: `'[]'::jsonb`,
    ...{ hasChanges: null, isBroken: null, broken: 'NULL::text[]' },
    carried: [own.ordinal, own.data],
  };
}
