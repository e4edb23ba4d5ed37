import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { dataConverter } from '../workflows/data-converter.ts';
import { workflowBundle } from './support/workflow-bundle.ts';

const directory = fileURLToPath(new URL('histories/', import.meta.url));
const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.json'),
);
const textOf = (name: string): string => readFileSync(`${directory}${name}`, 'utf8');

async function replay(histories: readonly { name: string; text: string }[]) {
  const given = histories.map(({ name, text }) => ({
    workflowId: name,
    history: historyFromJSON(JSON.parse(text)),
  }));
  const errors: Record<string, string | null> = {};
  const options = { workflowBundle: bundle, dataConverter };
  const results = Worker.runReplayHistories(options, given);
  for await (const { workflowId, error } of results) errors[workflowId] = error?.name ?? null;
  return errors;
}

let bundle: WorkflowBundleOption;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  bundle = await workflowBundle();
});

test('the workflows replay every history that was ever recorded', async () => {
  expect(names.length).toBeGreaterThan(5);
  const errors = await replay(names.map((name) => ({ name, text: textOf(name) })));
  expect(errors).toEqual(Object.fromEntries(names.map((name) => [name, null])));
});

test('a history that other code made is found out', async () => {
  const name = 'sync-retried.json';
  const text = textOf(name).replaceAll('"name": "begin"', '"name": "start"');
  expect(text === textOf(name)).toBe(false);
  expect(await replay([{ name, text }])).toEqual({ [name]: 'DeterminismViolationError' });
});
