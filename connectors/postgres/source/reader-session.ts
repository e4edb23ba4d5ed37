import { refusalsOf } from '../../kit/refuse-config.ts';
import { Session } from '../session.ts';
import type { PostgresSourceConfig } from './config.ts';

/** A statement waits this long for a lock, then the attempt fails and is retried. */
const lockTimeoutMs = 60_000;
/** A reader whose socket is gone is noticed after this long, also while it sorts or waits for nothing of ours. */
const clientCheckMs = 1_000;
/** Ranges of a table's places are looked up since 14; before, each would be a scan of the whole table. */
const versionMin = 140_000;

/** How long a statement takes is for its destination too to say: limits that a role has would end it. */
const settings = `
  SET lock_timeout = ${lockTimeoutMs}; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
  SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex'; SET extra_float_digits = 1;
  SET default_transaction_read_only = on;`;

export async function connectReader(
  config: PostgresSourceConfig,
  abort: AbortSignal,
): Promise<Session> {
  const options = { name: 'tidemark source', origin: 'source', settings, clientCheckMs } as const;
  const session = await Session.connect(config, options, abort);
  try {
    await session.alone(abort, () => refuseOld(session));
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function refuseOld(session: Session): Promise<void> {
  const { rows } = await session.query(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS name`,
  );
  const { number, name } = rows[0] as { number: number; name: string };
  if (number >= versionMin) return;
  throw refusalsOf('source')(
    'The Postgres server is too old to be read.',
    `${session.place}: version ${name}`,
    'Upgrade it to 14 or later.',
  );
}
