import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { S3Client } from '@aws-sdk/client-s3';
import { Database } from '../../connectors/duckdb/database.ts';
import { Session as MysqlSession } from '../../connectors/mysql/destination/session.ts';
import { Session } from '../../connectors/postgres/session.ts';

const manifestName = /_tidemark\/[0-9a-f-]{36}\.json$/;

export interface LastStep {
  /** All that the commit does has been done by now, but for this. */
  before(): Promise<void> | void;
  /** It is durable. */
  after(): Promise<void> | void;
}

/**
 * Tells of the step that makes a commit durable, whenever there is one: COMMIT to Postgres, MySQL or DuckDB, the rename of a manifest, its
 * put into S3. For a worker's process of tests: it changes the whole process.
 */
export function watchLastStep(told: LastStep): void {
  const isCommit = (sql: unknown): boolean => sql === 'COMMIT';
  around(Session.prototype, 'query', isCommit, told);
  around(MysqlSession.prototype, 'query', isCommit, told);
  around(Database.prototype, 'run', isCommit, told);
  around(promises, 'rename', (_, to) => manifestName.test(String(to)), told);
  syncBuiltinESMExports();
  around(S3Client.prototype as unknown as Sending, 'send', isManifestPut, told);
}

type Sending = Record<'send', (...args: never[]) => Promise<unknown>>;

/** No other request has both: the manifest is read without a condition, and what else lies there is put without one. */
function isManifestPut(command: unknown): boolean {
  const { Key, Body } = (command as { input: { Key?: string; Body?: unknown } }).input;
  return Body !== undefined && manifestName.test(Key ?? '');
}

/** Tells before and after the calls that are meant. */
function around<K extends string>(
  owner: Record<K, (...args: never[]) => Promise<unknown>>,
  name: K,
  isMeant: (...args: readonly unknown[]) => boolean,
  told: LastStep,
): void {
  const method = owner[name];
  owner[name] = async function (this: unknown, ...args) {
    if (!isMeant(...args)) return method.apply(this, args);
    await told.before();
    const result = await method.apply(this, args);
    await told.after();
    return result;
  };
}
