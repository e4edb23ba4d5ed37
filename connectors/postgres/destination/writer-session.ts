import type { ConnectionRef, Epoch } from '../../../protocol/index.ts';
import { shortHash } from '../../kit/identifiers.ts';
import { Session } from '../session.ts';
import type { PostgresConfig } from './config.ts';

/** A statement waits this long for a lock, then the attempt fails and is retried. */
const lockTimeoutMs = 60_000;
/** One statement: a batch of some hundred megabytes, or a wide index. */
const statementTimeoutMs = 30 * 60_000;
/** A writer that stopped between two statements loses its transaction after this long. */
const idleTransactionTimeoutMs = 10 * 60_000;
/** A server looks this often whether its client is still there. */
const clientCheckMs = 5_000;
/** For one writer on the server: staged parts, and joins of a batch with its table. */
const tempBuffers = '32MB';
const workMemory = '64MB';

const settings = `
  SET temp_buffers = '${tempBuffers}'; SET work_mem = '${workMemory}';
  SET lock_timeout = ${lockTimeoutMs}; SET statement_timeout = ${statementTimeoutMs};
  SET idle_in_transaction_session_timeout = ${idleTransactionTimeoutMs};`;

/** Names a writer's session, so that a newer one can end it. Postgres cuts at 63 bytes. */
export function sessionName(connection: ConnectionRef, epoch: Epoch): string {
  return `${sessionPrefix(connection)}${epoch.syncNo}/${epoch.at}`;
}
export function sessionPrefix(connection: ConnectionRef): string {
  return `tidemark/${shortHash(connection.id, 16)}/`;
}

export function connectWriter(
  config: PostgresConfig,
  name: string,
  abort: AbortSignal,
): Promise<Session> {
  return Session.connect(config, { name, origin: 'destination', settings, clientCheckMs }, abort);
}
