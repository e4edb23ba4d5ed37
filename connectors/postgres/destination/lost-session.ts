import { SyncError, type OpenInput } from '../../../protocol/index.ts';
import { fenced } from '../../kit/ledger.ts';
import type { PostgresConfig } from './config.ts';
import { PostgresLedger } from './ledger.ts';
import type { Session } from '../session.ts';
import { connectWriter, sessionName } from './writer-session.ts';

/** Asked also when the attempt has been given up meanwhile: its worker's log is to say why it was refused. */
const askMsMax = 2_500;

/**
 * Why a commit failed. A newer writer ends the sessions of older ones, who then only see that their connection is gone: the table of
 * checkpoints knows better. Any other failure, or one that cannot be looked into, stays what it is.
 */
export async function whyFailed(
  error: unknown,
  config: PostgresConfig,
  { connection, epoch }: OpenInput,
  schema: string,
): Promise<unknown> {
  const mayBeEnded =
    error instanceof SyncError && error.kind === 'transient_error' && error.code === undefined;
  if (!mayBeEnded) return error;
  let session: Session | null = null;
  try {
    const signal = AbortSignal.timeout(askMsMax);
    session = await connectWriter(config, sessionName(connection, epoch), signal);
    const ledger = new PostgresLedger(session, schema);
    return (await ledger.hasNewer(connection, epoch)) ? fenced() : error;
  } catch {
    return error;
  } finally {
    await session?.close();
  }
}
