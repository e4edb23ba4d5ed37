import type { Source, SyncError } from '../../../protocol/index.ts';
import { quoteIdentifier } from '../../kit/identifiers.ts';
import { refusalsOf } from '../../kit/refuse-config.ts';
import type { Session } from '../session.ts';
import { findRelations, type Relation } from './catalog.ts';
import { publishedOf, refuseUnpublished } from './changes/publication.ts';
import { findSlot } from './changes/slot.ts';
import {
  defaultPublication,
  postgresSourceSpec,
  type ChangesConfig,
  type PostgresSourceConfig,
} from './config.ts';
import { catalogOf, changesCatalogOf } from './discover.ts';
import { readPostgres } from './read.ts';
import { connectReader } from './reader-session.ts';

/** Schemas named in an error. */
const namesMax = 10;

/** Tables and views of a Postgres database. See docs/connectors.md. */
export const postgresSource: Source<PostgresSourceConfig> = {
  spec: postgresSourceSpec,
  readsAtOnce:
    'ranges of a table that is read in full or for the first time, one table after the other',
  check: (config, signal) => inSession(config, signal, (session) => check(session, config)),
  discover: (config, signal) =>
    inSession(config, signal, async (session) => {
      const relations = await findRelations(session, config);
      if (config.cdc === undefined) return catalogOf(relations);
      const { publication = defaultPublication } = config.cdc;
      return changesCatalogOf(await publishedOf(session, publication, relations));
    }),
  read: readPostgres,
};

async function inSession<T>(
  config: PostgresSourceConfig,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await connectReader(config, signal);
  try {
    return await session.alone(signal, () => work(session));
  } finally {
    await session.close();
  }
}

/** Proves that there is something to read, and that it may be read. */
async function check(session: Session, config: PostgresSourceConfig): Promise<void> {
  for (const schema of config.schemas ?? []) await checkSchema(session, schema);
  const relations = await findRelations(session, config);
  if (relations.length > 0)
    return config.cdc === undefined ? undefined : checkChanges(session, config.cdc, relations);
  const closed = await unreadable(session, config.schemas ?? null);
  const [first] = closed;
  if (first === undefined)
    throw refusalsOf('source')(
      'There is no table to read.',
      session.place,
      'Name a database and schemas that have tables.',
    );
  throw missingGrant(first.schema, closed, session.place);
}

/** Proves that changes of some table can be read; all others are not offered. */
async function checkChanges(
  session: Session,
  { slot, publication = defaultPublication }: ChangesConfig,
  relations: readonly Relation[],
): Promise<void> {
  const published = await publishedOf(session, publication, relations);
  if (published.length === 0) refuseUnpublished(relations, published, publication);
  await findSlot(session, slot, null);
}

interface Closed {
  readonly schema: string;
  readonly name: string;
  readonly user: string;
}

async function checkSchema(session: Session, schema: string): Promise<void> {
  const { rows } = await session.query(
    `SELECT has_schema_privilege(oid, 'USAGE') AS usable, current_user AS user FROM pg_namespace WHERE nspname = $1`,
    [schema],
  );
  const place = `schemas: ${schema}`;
  if (rows.length === 0)
    throw refusalsOf('source')('There is no such schema.', place, 'Correct schemas in the config.');
  if (rows[0]!['usable'] === true) return;
  const grant = `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${quoteIdentifier(rows[0]!['user'] as string)};`;
  throw refusalsOf('source')('The Postgres user may not use a schema.', place, `Run: ${grant}`);
}

/** Tables and views that are there, and that the user may not read. */
async function unreadable(
  session: Session,
  schemas: readonly string[] | null,
): Promise<readonly Closed[]> {
  const { rows } = await session.query(
    `SELECT n.nspname AS schema, c.relname AS name, current_user AS user
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname !~ '^pg_'
       AND n.nspname <> 'information_schema' AND c.relname !~ '^_tidemark_'
       AND ($1::text[] IS NULL OR n.nspname = ANY($1::text[]))
     ORDER BY 1, 2 LIMIT ${namesMax}`,
    [schemas],
  );
  return rows as unknown as readonly Closed[];
}

function missingGrant(schema: string, closed: readonly Closed[], place: string): SyncError {
  const user = quoteIdentifier(closed[0]!.user);
  const names = closed.map((one) => `${one.schema}.${one.name}`).join(', ');
  return refusalsOf('source')(
    'The Postgres user may read no table.',
    `${place}: ${names}`,
    `Run: GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${user}; GRANT SELECT ON ALL TABLES IN SCHEMA ${quoteIdentifier(schema)} TO ${user};`,
  );
}
