import type { Client } from '@temporalio/client';
import type { ConnectionRef, Epoch } from '../protocol/index.ts';
import { refusals } from '../workflows/messages.ts';
import { connectionClient, refusalOf } from './connection-client.ts';
import type { ConfigRoad } from './deps.ts';

const heldPatience = { callMs: 10_000, totalMs: 60_000 };
/**
 * Invariant 7. While Temporal is away the token lives in this process alone, and the connector waits. No abort ends it: the old token is dead,
 * so whoever stops the sync must not cost the new one.
 */
const rememberPatience = { callMs: 10_000, totalMs: 10 * 60_000 };

/** The road of a stored connection. `epoch`: of the attempt that opens it; absent: a check or a discover. */
export function configRoad(client: Client, connection: ConnectionRef, epoch?: Epoch): ConfigRoad {
  const workflow = connectionClient(client, connection.name);
  const held: ConfigRoad['held'] = async (end) => {
    const { updates } = await workflow.status(heldPatience);
    return updates?.[end] ?? null;
  };
  return {
    connection,
    ...(epoch !== undefined && { epoch }),
    held,
    async remember(update) {
      const request = { ...update, connectionId: connection.id, ...(epoch && { epoch }) };
      try {
        await workflow.remember(request, rememberPatience);
        return { type: 'kept' };
      } catch (error) {
        if (refusalOf(error) !== refusals.superseded) throw error;
        return { type: 'superseded', by: await held(update.end) };
      }
    },
  };
}
