import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import { searchAttributes } from '../workflows/messages.ts';

/** Workflow types, by name: the client never loads workflow code. */
export const workflowTypes = {
  connection: 'connectionWorkflow',
  sync: 'syncWorkflow',
  probe: 'probeWorkflow',
} as const;

const connectionKey = defineSearchAttributeKey(
  searchAttributes.connection.name,
  searchAttributes.connection.type,
);

/** What every start sets, so that Temporal's UI can filter by connection and says what it shows. */
export function described(connection: string | null, summary: string, details: string) {
  const typedSearchAttributes: SearchAttributePair[] =
    connection === null ? [] : [{ key: connectionKey, value: connection }];
  return { typedSearchAttributes, staticSummary: summary, staticDetails: details };
}

export function describedSync(connection: string) {
  return described(
    connection,
    `Sync of ${connection}`,
    `Copies the connection **${connection}** from its last checkpoint. Cancel to stop at a checkpoint.`,
  );
}
