import { randomUUID } from 'node:crypto';
import type { LoaderDestination } from '../../../protocol/index.ts';
import { defaultSchema, postgresSpec, type PostgresConfig } from './config.ts';
import { PostgresLedger } from './ledger.ts';
import { PostgresLoader } from './loader.ts';
import { tableSql } from './tables.ts';
import { connectWriter } from './writer-session.ts';

/** Logs in, and proves that it may make a table in the schema by making one and taking it back. */
async function check(config: PostgresConfig, signal: AbortSignal): Promise<void> {
  const session = await connectWriter(config, 'tidemark check', signal);
  try {
    await session.alone(signal, async () => {
      const schema = config.schema ?? defaultSchema;
      await new PostgresLedger(session, schema).makeSchema(schema);
      const table = tableSql(schema, `_tidemark_check_${randomUUID()}`);
      await session.query('BEGIN');
      await session.query(`CREATE TABLE ${table} (a int)`);
      await session.query('CREATE TEMPORARY TABLE tidemark_check (a int)');
      await session.query('ROLLBACK');
    });
  } finally {
    await session.close();
  }
}

export const postgresDestination: LoaderDestination<PostgresConfig> = {
  spec: postgresSpec,
  guarantee: {
    delivery: 'exactly once',
    because: 'rows and checkpoint are one transaction, behind a fence',
    verifiedOn: 'Postgres 15, a real server',
  },
  check,
  accepts: () => ['pg-copy-text'],
  loader: (config) => new PostgresLoader(config),
};
