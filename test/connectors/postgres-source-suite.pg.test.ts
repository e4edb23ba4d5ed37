import { postgresSource, type PostgresSourceConfig } from '../../connectors/postgres/index.ts';
import { changedUrl } from './harness.ts';
import { openPostgresPlace } from './postgres-source-harness.ts';
import { sourceSuite, type SourceHarness } from './source-conformance.ts';

/** Two tables of the same rows, of several pages. `more`: how they are read. */
async function create(
  more: Partial<SourceHarness<PostgresSourceConfig>>,
): Promise<SourceHarness<PostgresSourceConfig>> {
  const place = await openPostgresPlace();
  const { database, config } = place;
  for (const [table, rows] of Object.entries({ many: 1_000, few: 3 }))
    await place.sql(
      `CREATE TABLE ${table} AS SELECT i AS id, repeat('x', 100) AS pad FROM generate_series(1, ${rows}) i`,
    );
  const changed = (change: (url: URL) => void): PostgresSourceConfig =>
    changedUrl(database.url, change);
  return {
    source: postgresSource,
    config: { ...config, checkpoint_pages: 2, checkpoint_records: 100 },
    broken: {
      'an unknown user': changed((url) => (url.username = 'nobody_here')),
      'an unknown database': changed((url) => (url.pathname = '/no_such_database')),
      'an unknown host': changed((url) => (url.hostname = 'no-such-host.invalid')),
      'an unknown schema': { ...config, schemas: ['nowhere'] },
    },
    records: { many: 1_000, few: 3 },
    drop: () => database.drop(),
    ...more,
  };
}

sourceSuite({ name: 'Postgres, read in full,', create: () => create({}) });
sourceSuite({
  name: 'Postgres, read by a cursor,',
  create: () => create({ cursors: { many: 'id', few: 'id' } }),
});
