import { streamId } from '../../../../protocol/index.ts';
import { quoteIdentifier } from '../../../kit/identifiers.ts';
import { refusalsOf } from '../../../kit/refuse-config.ts';
import type { Session } from '../../session.ts';
import type { Relation } from '../catalog.ts';
import { relationSql } from '../selection.ts';

/** Tables named in an error. */
const namesMax = 10;

const refuse = refusalsOf('source');

/** Some of its columns, or some of its rows, are not published. (Servers before 15 know neither.) */
const cut = `to_jsonb(r) ->> 'prattrs' IS NOT NULL OR to_jsonb(r) ->> 'prqual' IS NOT NULL`;

/** Of the relations those whose changes can be read: tables that are published whole, whose rows the log tells apart. Throws what is wrong with the server. */
export async function publishedOf(
  session: Session,
  publication: string,
  relations: readonly Relation[],
): Promise<readonly Relation[]> {
  await refuseServer(session);
  const isByRoot = await publicationOf(session, publication);
  const { rows } = await session.query(
    `SELECT t.schemaname AS schema, t.tablename AS name, c.relreplident AS identity
     FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname
     JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
     WHERE t.pubname = $1 AND NOT EXISTS (
       SELECT FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
       WHERE p.pubname = $1 AND r.prrelid = c.oid AND (${cut}))`,
    [publication],
  );
  const published = new Map(
    rows.map((row) => [
      streamId({ name: row['name'] as string, namespace: row['schema'] as string }),
      row['identity'] as string,
    ]),
  );
  return relations.filter(({ schema, name, kind, key }) => {
    const identity = published.get(streamId({ name, namespace: schema }));
    if (identity === undefined || (kind === 'p' && !isByRoot)) return false;
    return identity === 'f' || identity === 'i' || (identity === 'd' && key.length > 0);
  });
}

/** Throws where the changes of one of them can't be read. */
export function refuseUnpublished(
  wanted: readonly Relation[],
  published: readonly Relation[],
  publication: string,
): void {
  const missing = wanted.filter((one) => !published.includes(one));
  const [first] = missing;
  if (first === undefined) return;
  const names = missing.slice(0, namesMax).map((one) => `${one.schema}.${one.name}`);
  throw refuse(
    'The changes of a table can’t be read.',
    `publication ${publication}: ${names.join(', ')}`,
    first.kind === 'p'
      ? `Publish partitioned tables as such: ALTER PUBLICATION ${quoteIdentifier(publication)} SET (publish_via_partition_root = true);`
      : `Publish it, all its columns and rows, and have them told apart: ALTER PUBLICATION ${quoteIdentifier(publication)} ADD TABLE ${relationSql(first)}; and a primary key, or ALTER TABLE ${relationSql(first)} REPLICA IDENTITY FULL;`,
  );
}

async function refuseServer(session: Session): Promise<void> {
  const { rows } = await session.query(
    `SELECT current_setting('wal_level') AS level, current_user AS user,
       (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user)
         OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'rds_replication' AND pg_has_role(r.oid, 'MEMBER')) AS allowed`,
  );
  const { level, user, allowed } = rows[0]!;
  if (level !== 'logical')
    throw refuse(
      'The server does not log enough for its changes to be read.',
      `${session.place}: wal_level ${String(level)}`,
      'Set wal_level = logical and restart the server.',
    );
  if (allowed !== true)
    throw refuse(
      'The Postgres user may not replicate.',
      session.place,
      `Run: ALTER ROLE ${quoteIdentifier(String(user))} REPLICATION;`,
    );
}

/** Whether partitioned tables are published as such. */
async function publicationOf(session: Session, publication: string): Promise<boolean> {
  const { rows } = await session.query(
    `SELECT pubinsert AND pubupdate AND pubdelete AS whole, pubviaroot AS "byRoot" FROM pg_publication WHERE pubname = $1`,
    [publication],
  );
  const name = quoteIdentifier(publication);
  const place = `${session.place}: publication ${publication}`;
  const [row] = rows;
  if (row === undefined)
    throw refuse(
      'There is no such publication.',
      place,
      `Run: CREATE PUBLICATION ${name} FOR ALL TABLES WITH (publish_via_partition_root = true); or FOR TABLE those that are to be read.`,
    );
  if (row['whole'] !== true)
    throw refuse(
      'The publication leaves changes out.',
      place,
      `Run: ALTER PUBLICATION ${name} SET (publish = 'insert, update, delete, truncate');`,
    );
  return row['byRoot'] === true;
}
