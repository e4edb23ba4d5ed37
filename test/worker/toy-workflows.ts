import {
  condition,
  defineUpdate,
  proxyActivities,
  setHandler,
  type ActivityOptions,
} from '@temporalio/workflow';

/** Answers one update, on the control queue. */
export async function toyEntityWorkflow(): Promise<string> {
  let committed: string | undefined;
  setHandler(defineUpdate<void, [string]>('commit'), (what) => void (committed = what));
  await condition(() => committed !== undefined);
  return committed!;
}

/** Runs one activity of that name. */
export async function toyActivityWorkflow(
  name: string,
  options: ActivityOptions,
): Promise<unknown> {
  return proxyActivities<Record<string, () => Promise<unknown>>>(options)[name]!();
}
