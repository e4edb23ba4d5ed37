import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type WorkflowBundleOption } from '@temporalio/worker';
import type { Logger } from '@temporalio/common';

const workflowsPath = fileURLToPath(new URL('../workflows/', import.meta.url));
/** Beside the compiled rooms; it must not have the name of a compiled file. */
const bundlePath = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));

/** The bundle that the build made; from source, where there is none, one made now. */
export async function workflowBundle(logger: Logger): Promise<WorkflowBundleOption> {
  return existsSync(bundlePath)
    ? { codePath: bundlePath }
    : await bundleWorkflowCode({ workflowsPath, logger });
}

/** Writes the bundle beside the compiled rooms; part of the build. */
async function main(): Promise<void> {
  const { code } = await bundleWorkflowCode({ workflowsPath });
  await writeFile(bundlePath, code);
}

if (argv[1] === fileURLToPath(import.meta.url)) await main();
