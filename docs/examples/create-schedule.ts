// node dist/docs/examples/create-schedule.js <connection>
// Syncs a connection every hour with nothing but Temporal's own client.
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { dataConverter } from '../../workflows/data-converter.ts';
import {
  defaultTaskQueue,
  scheduleId,
  searchAttributes,
  syncWorkflowId,
} from '../../workflows/messages.ts';

const connection = process.argv[2];
if (connection === undefined) throw new Error('Name a connection: create-schedule.js <connection>');

const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
const temporal = await Connection.connect(connectionOptions);
const client = new Client({ connection: temporal, namespace, dataConverter });

const { name, type } = searchAttributes.connection;
await client.schedule.create({
  scheduleId: scheduleId(connection),
  spec: { intervals: [{ every: '1 hour' }] },
  policies: { overlap: 'SKIP', catchupWindow: '1 hour' }, // never two at once; missed ones collapse
  action: {
    type: 'startWorkflow',
    workflowType: 'syncWorkflow',
    workflowId: syncWorkflowId(connection), // Temporal appends the time
    taskQueue: defaultTaskQueue,
    args: [{ connection }],
    typedSearchAttributes: [{ key: defineSearchAttributeKey(name, type), value: connection }],
  },
});
console.log(`The schedule ${scheduleId(connection)} is made.`);
await temporal.close();
