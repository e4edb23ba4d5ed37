import { readFileSync } from 'node:fs';

const waitMsMax = 45_000;
const pollMs = 25;

/** Polls until the condition holds; fails with its name at the deadline. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  msMax: number = waitMsMax,
): Promise<void> {
  const deadline = Date.now() + msMax;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Not within ${msMax} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** False for a process that is gone, or dead and not yet collected. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
