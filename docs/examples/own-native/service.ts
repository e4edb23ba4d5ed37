import { SyncError, type JsonObject } from '../../../protocol/index.ts';
import { aborted } from '../../../connectors/kit/gather.ts';
import type { OrdersConfig } from './config.ts';

export interface Order extends JsonObject {
  readonly id: number;
}

const answerMsMax = 30_000;

/** The next orders, by their number; none: there are no more. Throws SyncErrors of the source. */
export async function ordersAfter(
  id: number,
  { url, token }: OrdersConfig,
  abort: AbortSignal,
): Promise<readonly Order[]> {
  const signal = AbortSignal.any([abort, AbortSignal.timeout(answerMsMax)]);
  const headers = { authorization: `Bearer ${token}` };
  try {
    const response = await fetch(new URL(`/orders?after=${id}`, url), { headers, signal });
    if (!response.ok) throw refused(response.status, url);
    return (await response.json()) as Order[];
  } catch (error) {
    if (abort.aborted) throw aborted();
    if (error instanceof SyncError) throw error;
    throw new SyncError('transient_error', 'The service does not answer.', {
      ...{ origin: 'source', place: url, cause: error },
      remedy: 'See whether it runs and can be reached from the worker; it is tried again.',
    });
  }
}

function refused(status: number, url: string): SyncError {
  const place = `${url}: status ${status}`;
  if (status === 401 || status === 403)
    return new SyncError('config_error', 'The service refuses the token.', {
      ...{ origin: 'source', place },
      remedy: 'Make a token that may read orders, and give it to the worker.',
    });
  return new SyncError('transient_error', 'The service does not give orders.', {
    ...{ origin: 'source', place },
    remedy: 'Look at the service; it is tried again.',
  });
}
