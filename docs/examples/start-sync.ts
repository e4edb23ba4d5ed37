// node dist/docs/examples/start-sync.js <connection>
// Starts a sync with nothing but Temporal's own client, and waits for its summary.
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { dataConverter } from '../../workflows/data-converter.ts';
import type { syncWorkflow } from '../../workflows/index.ts';
import { defaultTaskQueue, searchAttributes, syncWorkflowId } from '../../workflows/messages.ts';

const connection = process.argv[2];
if (connection === undefined) throw new Error('Name a connection: start-sync.js <connection>');

const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
const temporal = await Connection.connect(connectionOptions);
const client = new Client({ connection: temporal, namespace, dataConverter });

const { name, type } = searchAttributes.connection;
const summary = await client.workflow.execute<typeof syncWorkflow>('syncWorkflow', {
  workflowId: syncWorkflowId(connection),
  taskQueue: defaultTaskQueue,
  args: [{ connection }],
  workflowIdConflictPolicy: 'USE_EXISTING', // one that runs already is waited for instead
  typedSearchAttributes: [{ key: defineSearchAttributeKey(name, type), value: connection }],
});
console.log(JSON.stringify(summary, null, 2));
await temporal.close();
