import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import * as workflows from '../workflows/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What Temporal replays: a change here is a change of what every running workflow does. */
const modules = [
  'protocol/catalog.ts',
  'protocol/checkpoint.ts',
  'protocol/committed.ts',
  'protocol/config-updates.ts',
  'protocol/connection.ts',
  'protocol/connector.ts',
  'protocol/cost.ts',
  'protocol/errors.ts',
  'protocol/generations.ts',
  'protocol/global-state.ts',
  'protocol/index.ts',
  'protocol/json.ts',
  'protocol/losses.ts',
  'protocol/message.ts',
  'protocol/pause.ts',
  'protocol/pipe.ts',
  'protocol/schema-changes.ts',
  'protocol/state.ts',
  'protocol/stream.ts',
  'protocol/sync.ts',
  'protocol/unfilled.ts',
  'protocol/waits.ts',
  'workflows/activities.ts',
  'workflows/backfill.ts',
  'workflows/connection-state.ts',
  'workflows/connection.ts',
  'workflows/details.ts',
  'workflows/edit-state.ts',
  'workflows/edition.ts',
  'workflows/failure.ts',
  'workflows/holder-news.ts',
  'workflows/index.ts',
  'workflows/messages.ts',
  'workflows/pairing.ts',
  'workflows/pause-state.ts',
  'workflows/pausing.ts',
  'workflows/probe.ts',
  'workflows/refresh-state.ts',
  'workflows/refusal.ts',
  'workflows/search-keys.ts',
  'workflows/summary.ts',
  'workflows/sync-view.ts',
  'workflows/sync.ts',
  'workflows/time-limit.ts',
  'workflows/updates-state.ts',
];

test('the workflow bundle holds exactly these modules of ours', async () => {
  const { code } = await bundleWorkflowCode({
    workflowsPath: `${root}workflows/`,
    logger: new DefaultLogger('ERROR'),
  });
  expect(modulesOf(code)).toEqual(modules);
});

test('the workflow types are exactly these', () => {
  expect(Object.keys(workflows).sort()).toEqual([
    'connectionWorkflow',
    'probeWorkflow',
    'syncWorkflow',
  ]);
});

/** From the source map that the bundle carries. */
function modulesOf(code: string): string[] {
  const marker = 'sourceMappingURL=data:application/json;charset=utf-8;base64,';
  const inline = code.slice(code.lastIndexOf(marker) + marker.length).trim();
  const map = JSON.parse(Buffer.from(inline, 'base64').toString('utf8')) as { sources: string[] };
  const ours =
    /(?:^|\/)((?:protocol|workflows|activities|engine|connectors|worker|client)\/[\w./-]+\.ts)/;
  return [...new Set(map.sources.flatMap(oursOf))].sort();
  function oursOf(source: string): string[] {
    if (source.includes('node_modules')) return [];
    const found = ours.exec(source);
    return found === null ? [] : [found[1]!];
  }
}
