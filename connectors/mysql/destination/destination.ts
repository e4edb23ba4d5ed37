import { randomUUID } from 'node:crypto';
import type { LoaderDestination } from '../../../protocol/index.ts';
import { mysqlSpec, type MysqlConfig } from './config.ts';
import { MysqlLoader } from './loader.ts';
import { Session } from './session.ts';
import { tableSql } from './tables.ts';

/** Logs in, and proves all that a sync does: a table made, altered, indexed, written, renamed and dropped, a temporary one, and data from here. */
async function check(config: MysqlConfig, signal: AbortSignal): Promise<void> {
  const session = await Session.connect(config, signal);
  try {
    await session.alone(signal, () => prove(session));
  } finally {
    await session.close();
  }
}

async function prove(session: Session): Promise<void> {
  const id = randomUUID().replaceAll('-', '');
  const [table, renamed] = [`_tidemark_check_${id}`, `_tidemark_checked_${id}`].map((name) =>
    tableSql(session.database, name),
  );
  await session.query('CREATE TEMPORARY TABLE tidemark_check (a int) ENGINE=InnoDB');
  await session.load(
    `LOAD DATA LOCAL INFILE 'tidemark' INTO TABLE tidemark_check`,
    Buffer.from('1\n'),
  );
  await session.query(`CREATE TABLE ${table} (a int) ENGINE=InnoDB`);
  try {
    await session.query(`ALTER TABLE ${table} ADD COLUMN b int`);
    await session.query(`CREATE INDEX c ON ${table} (a)`);
    await session.query(`INSERT INTO ${table} (a) SELECT a FROM tidemark_check`);
    await session.query(`UPDATE ${table} SET b = 1 WHERE a = 1`);
    await session.query(`DELETE FROM ${table} WHERE b = 1`);
    await session.query(`RENAME TABLE ${table} TO ${renamed}`);
  } finally {
    await session.query(`DROP TABLE IF EXISTS ${table}, ${renamed}`);
  }
}

export const mysqlDestination: LoaderDestination<MysqlConfig> = {
  spec: mysqlSpec,
  guarantee: {
    delivery: 'exactly once',
    because: 'rows and checkpoint are one transaction, behind a fence',
    verifiedOn: 'MySQL 9.7 and MariaDB 10.11, real servers',
  },
  check,
  loader: (config) => new MysqlLoader(config),
};
