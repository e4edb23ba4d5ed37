import { streamId, type StreamId } from '../../../../protocol/index.ts';
import type { Session } from '../../session.ts';
import { jsonOfType, type JsonOf } from './json-text.ts';
import type { ChangedRelation } from './pgoutput.ts';

/** A table whose changes are read, as the log described it last. */
export interface KnownRelation extends ChangedRelation {
  readonly stream: StreamId;
  readonly values: readonly ColumnValue[];
  /** Positions of the columns that tell its rows apart; empty: none do. */
  readonly key: readonly number[];
}

export interface ColumnValue {
  /** The column's name as JSON. */
  readonly member: string;
  /** How its text becomes JSON; null: the server says, with `typeSql`. */
  readonly json: JsonOf | null;
  readonly typeSql: string;
}

interface TypeRow {
  readonly of: string;
  readonly base: string;
  readonly sql: string;
  readonly built: boolean;
}

/** Domains are what they are made of. Of arrays, composites and types with a JSON cast of their own only the server knows how they become JSON. */
const typesSql = `
  WITH RECURSIVE chain AS (
    SELECT t.oid AS of, t.oid, t.typtype, t.typbasetype, t.typlen, t.typelem FROM pg_type t WHERE t.oid = ANY($1::oid[])
    UNION ALL
    SELECT c.of, t.oid, t.typtype, t.typbasetype, t.typlen, t.typelem FROM chain c JOIN pg_type t ON t.oid = c.typbasetype
    WHERE c.typtype = 'd')
  SELECT of::int8 AS of, oid::int8 AS base, format_type(of, NULL) AS sql,
    typtype = 'c' OR (typlen = -1 AND typelem <> 0) OR EXISTS (
      SELECT FROM pg_cast WHERE castsource = oid AND casttarget = 'json'::regtype AND castmethod = 'f') AS built
  FROM chain WHERE typtype <> 'd'`;

export async function knowRelation(
  session: Session,
  relation: ChangedRelation,
): Promise<KnownRelation> {
  const oids = [...new Set(relation.columns.map(({ type }) => type))];
  const { rows } = await session.query(typesSql, [oids]);
  const types = new Map(
    (rows as unknown as readonly TypeRow[]).map((row) => [Number(row.of), row]),
  );
  const values = relation.columns.map(({ name, type }): ColumnValue => {
    const found = types.get(type);
    return {
      member: JSON.stringify(name),
      // A type that is gone by now: its text is all that is left of it.
      json: found === undefined ? JSON.stringify : jsonOfType(found.built, Number(found.base)),
      typeSql: found?.sql ?? 'text',
    };
  });
  const key = relation.columns.flatMap(({ isKey }, i) => (isKey ? [i] : []));
  // Of REPLICA IDENTITY FULL every column is marked as one of the key.
  const { identity, schema: namespace, name } = relation;
  const stream = streamId({ name, namespace });
  return { ...relation, stream, values, key: identity === 'n' ? [] : key };
}
