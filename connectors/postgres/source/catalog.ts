import { streamId, type StreamId } from '../../../protocol/index.ts';
import type { Session } from '../session.ts';
import type { PostgresSourceConfig } from './config.ts';
import { columnType, type ColumnType, type TypeRow } from './types.ts';

/** `r` table, `p` partitioned table, `v` view, `m` materialized view, `f` foreign table. */
export type RelationKind = 'r' | 'p' | 'v' | 'm' | 'f';

export interface Column extends ColumnType {
  readonly name: string;
  readonly isNotNull: boolean;
  /** The server computes it from others. */
  readonly isGenerated: boolean;
}

/** What may be read: a table or a view, with the columns that the user may read. */
export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: RelationKind;
  /** May be read as a whole: also its places on the disk. */
  readonly isWhole: boolean;
  readonly columns: readonly Column[];
  /** Empty: none. */
  readonly key: readonly string[];
}

interface RelationRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: RelationKind;
  readonly whole: boolean;
  readonly columns: readonly (readonly [string, number, number, boolean, boolean])[] | null;
  readonly key: readonly string[] | null;
}

/** Leaves of partitioned tables are hidden; so is what belongs to extensions, and Tidemark's own. */
const relationsSql = `
  SELECT c.oid::bigint::int8 AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
    has_table_privilege(c.oid, 'SELECT') AS whole,
    (SELECT json_agg(json_build_array(a.attname, a.atttypid::int8, a.atttypmod, a.attnotnull, a.attgenerated <> '') ORDER BY a.attnum)
       FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND (has_table_privilege(c.oid, 'SELECT') OR has_column_privilege(c.oid, a.attnum, 'SELECT'))) AS columns,
    (SELECT json_agg(a.attname ORDER BY k.n)
       FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n), pg_attribute a
      WHERE i.indrelid = c.oid AND i.indisprimary AND k.n <= i.indnkeyatts
        AND a.attrelid = c.oid AND a.attnum = k.attnum) AS key
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    AND CASE WHEN $1::text[] IS NULL THEN n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        ELSE n.nspname = ANY($1::text[]) END
    AND c.relname !~ '^_tidemark_' AND c.relpersistence <> 't'
    AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
    AND NOT EXISTS (SELECT FROM pg_depend d
      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  ORDER BY n.nspname, c.relname`;

/** All but the rows' types of tables, of which there are many. */
const typesSql = `
  SELECT json_agg(json_build_array(t.oid::int8, t.typtype, t.typbasetype::int8, t.typtypmod,
    CASE WHEN t.typlen = -1 THEN t.typelem::int8 ELSE 0 END,
    EXISTS (SELECT FROM pg_cast WHERE castsource = t.oid AND casttarget = 'json'::regtype AND castmethod = 'f'))) AS types
  FROM pg_type t LEFT JOIN pg_class r ON r.oid = t.typrelid
  WHERE t.typrelid = 0 OR r.relkind = 'c'`;

type TypeCells = readonly [number, string, number, number, number, boolean];

/** By the id of their stream. */
export const byStream = (relations: readonly Relation[]): ReadonlyMap<StreamId, Relation> =>
  new Map(relations.map((one) => [streamId({ ...one, namespace: one.schema }), one]));

/** Of these schemas; absent: of all but the system's. */
export async function findRelations(
  session: Session,
  { schemas }: Pick<PostgresSourceConfig, 'schemas'>,
): Promise<readonly Relation[]> {
  const { rows } = await session.query(relationsSql, [schemas ?? null]);
  const answer = await session.query(typesSql);
  const types = new Map(
    (answer.rows[0]!['types'] as readonly TypeCells[]).map(
      ([oid, kind, base, typmod, element, hasJsonCast]): [number, TypeRow] => [
        oid,
        { oid, kind, base, typmod, element, hasJsonCast },
      ],
    ),
  );
  return (rows as unknown as readonly RelationRow[]).map((row) => relationOf(row, types));
}

function relationOf(row: RelationRow, types: ReadonlyMap<number, TypeRow>): Relation {
  const columns = (row.columns ?? []).map(
    ([name, oid, typmod, isNotNull, isGenerated]): Column => ({
      ...columnType(oid, typmod, types),
      ...{ name, isNotNull, isGenerated },
    }),
  );
  const readable = new Set(columns.map(({ name }) => name));
  const key = row.key ?? [];
  return {
    ...{ oid: Number(row.oid), schema: row.schema, name: row.name, kind: row.kind },
    ...{ isWhole: row.whole, columns },
    key: key.every((name) => readable.has(name)) ? key : [],
  };
}
