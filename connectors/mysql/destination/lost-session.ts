import { SyncError, type OpenInput } from '../../../protocol/index.ts';
import { fenced } from '../../kit/ledger.ts';
import type { MysqlConfig } from './config.ts';
import { MysqlLedger } from './ledger.ts';
import { Session } from './session.ts';

/** Asked also when the attempt has been given up meanwhile: its worker's log is to say why it was refused. */
const askMsMax = 2_500;

/**
 * Why a commit failed. A newer writer ends the sessions of older ones, who then only see that their connection is gone: the table of
 * checkpoints knows better. Any other failure, or one that cannot be looked into, stays what it is.
 */
export async function whyFailed(
  error: unknown,
  config: MysqlConfig,
  { connection, epoch }: OpenInput,
): Promise<unknown> {
  const mayBeEnded =
    error instanceof SyncError && error.kind === 'transient_error' && error.code === undefined;
  if (!mayBeEnded) return error;
  let session: Session | null = null;
  try {
    session = await Session.connect(config, AbortSignal.timeout(askMsMax));
    const ledger = new MysqlLedger(session);
    return (await ledger.hasNewer(connection, epoch)) ? fenced() : error;
  } catch {
    return error;
  } finally {
    await session?.close();
  }
}
