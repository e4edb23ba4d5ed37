import { parseArgs } from 'node:util';
import { describeFailure, SyncError } from '../../client/index.ts';
import { openDemo, type Ends } from './house.ts';
import { createScreen } from './screen.ts';
import { showResume } from './show.ts';

// `npm run demo`: a real source, a worker killed half-way, and the proof that nothing is lost or doubled.

const interruptedExitCode = 130;

async function main(): Promise<number> {
  const screen = createScreen(process.stdout);
  const interrupt = new AbortController();
  const interrupted = new Promise<never>((_, reject) => {
    interrupt.signal.addEventListener('abort', () => reject(new Error('Interrupted')));
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => interrupt.abort());
  const ends: Ends = [];
  try {
    const { keep = false } = parseArgs({ options: { keep: { type: 'boolean' } } }).values;
    screen.title('A sync that is killed half-way, and goes on from its last checkpoint.\n');
    const showing = openDemo(screen, ends, interrupt.signal).then((demo) => showResume(demo, keep));
    await Promise.race([showing, interrupted]);
    return 0;
  } catch (error) {
    if (interrupt.signal.aborted) {
      screen.text('\nInterrupted; cleaning up.');
      return interruptedExitCode;
    }
    const told = error instanceof SyncError ? describeFailure(error.toFailure()) : String(error);
    screen.broken('Failed', told);
    return 1;
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

process.exit(await main());
