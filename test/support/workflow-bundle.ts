import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleOption } from '@temporalio/worker';

/** Names the file with the bundle that the suites of a run share. */
export const bundleVariable = 'TEST_WORKFLOW_BUNDLE';

const workflowsPath = fileURLToPath(new URL('../../workflows/', import.meta.url));

const make = (): Promise<{ readonly code: string }> =>
  bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });

/** The workflows as they are now: the run's own, or, outside of one, made here. */
export async function workflowBundle(): Promise<WorkflowBundleOption> {
  const codePath = process.env[bundleVariable];
  return codePath === undefined ? make() : { codePath };
}

/** Makes it once for all: it takes seconds. */
export async function shareWorkflowBundle(): Promise<{
  readonly path: string;
  remove(): Promise<void>;
}> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-bundle-'));
  const path = join(directory, 'workflows.js');
  await writeFile(path, (await make()).code);
  return { path, remove: () => rm(directory, { recursive: true }) };
}
