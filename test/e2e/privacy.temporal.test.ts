import { connectionWorkflowId } from '../../workflows/messages.ts';
import {
  openCluster,
  tokenValue,
  tokenVariable,
  untilView,
  type Cluster,
} from '../support/cluster.ts';
import { urlVariable } from '../support/cluster-target.ts';
import { annotate, letGo } from '../support/exact-source.ts';
import { historyText, historyTexts, textIn } from '../support/history-text.ts';

/** In every record, also in the one whose line is broken. */
const note = 'private-remark-4b7e';

let cluster: Cluster;
afterEach(() => cluster.close());

test('neither a secret nor a record is anywhere in Temporal', async () => {
  cluster = await openCluster({ target: 'postgres' });
  await cluster.worker();
  const database = new URL(cluster.target.env[urlVariable]!).pathname;
  const source = { records: 300, stateEvery: 100, token: `\${env:${tokenVariable}}` };
  const texts: string[] = [];

  const good = await cluster.connection({
    source: { ...source, trouble: { what: 'wait', at: 201, once: true } },
  });
  annotate(good.directory, note);
  await cluster.client.check(good.name);
  const sync = await cluster.client.startSync(good.name);
  await untilView(
    sync,
    'it shows progress',
    ({ attempts }) => attempts[0]?.progress?.committed.records === 200,
  );
  // Heartbeats are not in the history, but the UI shows them.
  texts.push(textIn((await cluster.temporal.workflow.getHandle(sync.workflowId).describe()).raw));
  letGo(good.directory);
  expect(await sync.result()).toMatchObject({ outcome: 'succeeded' });
  const noted = await cluster.target.database!.query('SELECT id FROM items WHERE note = $1', [
    note,
  ]);
  expect(noted).toHaveLength(300);

  for (const what of ['crash', 'rubbish'] as const) {
    const bad = await cluster.connection({
      policy: { attemptsWithoutProgressMax: 1 },
      source: { ...source, streams: [what], trouble: { what, at: 150 } },
    });
    annotate(bad.directory, note);
    const failed = await cluster.client.startSync(bad.name);
    const { failure } = await failed.result();
    expect(failure).toBeDefined();
    texts.push(JSON.stringify(failure), JSON.stringify(await cluster.client.status(bad.name)));
    for (const id of [failed.workflowId, connectionWorkflowId(bad.name)])
      texts.push(await historyText(cluster.temporal, id));
  }
  for (const id of [sync.workflowId, connectionWorkflowId(good.name)])
    texts.push(await historyText(cluster.temporal, id));
  const query = `TaskQueue = '${cluster.taskQueue}' AND WorkflowType = 'probeWorkflow'`;
  texts.push(...(await historyTexts(cluster.temporal, query)));

  const found = (text: string): boolean => texts.some((one) => one.includes(text));
  // The search works: what may be seen is found.
  expect(found(`\${env:${tokenVariable}}`)).toBe(true);
  expect(found('"id":200')).toBe(true);
  expect(found('fell over')).toBe(true);
  expect(found(note)).toBe(false);
  expect(found(tokenValue)).toBe(false);
  expect(found(cluster.target.env[urlVariable]!)).toBe(false);
  expect(found(database)).toBe(false);
  expect(await cluster.client.logs(good.name, 1_000)).not.toContain(tokenValue);
});
