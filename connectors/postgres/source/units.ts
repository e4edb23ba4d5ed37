import { quoteLiteral } from '../../kit/identifiers.ts';
import type { Session } from '../session.ts';
import type { Relation } from './catalog.ts';
import { relationSql } from './selection.ts';

/** Tables that make up one stream (partitions, children); of more the state would be too large, and they are read in one statement. */
export const unitsMax = 2_000;

/** A table with places of its own: the stream's, a partition, a child. */
export interface Unit {
  readonly oid: number;
  readonly sql: string;
  /** Of its file: another one, and it was rewritten. */
  readonly file: number;
  /** Of it, by now: what the transaction sees lies within. */
  readonly pages: number;
  /** Of a range, so that it holds about as much as is wanted, with what is stored apart. */
  readonly rangePages: number;
}

interface UnitRow {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly file: string | null;
  readonly pages: string;
  readonly allPages: string;
  readonly readable: boolean;
  readonly policies: boolean;
}

/** null, and why: it can't be read by places. The table is locked against rewriting before its snapshot was taken. */
export async function unitsOf(
  session: Session,
  relation: Relation,
  rangePages: number,
): Promise<readonly Unit[] | { readonly why: string }> {
  const { rows } = await session.query(
    `WITH RECURSIVE tree AS (
       SELECT ${quoteLiteral(relationSql(relation))}::regclass::oid AS oid
       UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON i.inhparent = tree.oid AND NOT i.inhdetachpending)
     SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
       pg_relation_filenode(c.oid)::int8 AS file, pg_relation_size(c.oid) / b.size AS pages,
       pg_table_size(c.oid) / b.size AS "allPages",
       has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') AS readable,
       row_security_active(c.oid) AS policies
     FROM tree JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace,
       (SELECT current_setting('block_size')::int8 AS size) b
     ORDER BY c.oid`,
  );
  const all = rows as unknown as readonly UnitRow[];
  const refusal = whyNot(all);
  if (refusal !== null) return { why: refusal };
  return all.filter(({ kind }) => kind === 'r').map((row) => unitOf(row, rangePages));
}

function unitOf({ oid, schema, name, file, ...row }: UnitRow, rangePages: number): Unit {
  const [pages, allPages] = [Number(row.pages), Number(row.allPages)];
  const share = allPages === 0 ? 1 : Math.min(1, pages / allPages);
  return {
    ...{
      oid: Number(oid),
      sql: `ONLY ${relationSql({ schema, name })}`,
      file: Number(file),
      pages,
    },
    rangePages: Math.max(1, Math.round(rangePages * share)),
  };
}

function whyNot(rows: readonly UnitRow[]): string | null {
  if (rows.length > unitsMax) return `it has more than ${unitsMax} partitions or children`;
  const foreign = rows.find(({ kind }) => kind === 'f');
  if (foreign !== undefined) return `${foreign.schema}.${foreign.name} is a foreign table`;
  const closed = rows.find(({ readable }) => !readable);
  if (closed !== undefined)
    return `its user may not read ${closed.schema}.${closed.name} by itself (GRANT SELECT ON ${relationSql(closed)})`;
  // Those of a parent do not hold for who reads its partitions.
  return rows.length > 1 && rows.some(({ policies }) => policies)
    ? 'row level security applies to it'
    : null;
}
