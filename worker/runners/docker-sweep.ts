import { askMsMax, namePrefix, rootLabel } from './docker.ts';
import { openEngine, type EngineOptions } from './docker-engine.ts';
import { isOfDead } from './private-directory.ts';
import { runToEnd } from './run-to-end.ts';

export interface SweepOptions extends Omit<EngineOptions, 'end' | 'msMax' | 'label'> {
  readonly stateDir: string;
}

/** Removes containers whose worker is dead, of this host and state directory; returns how many. Throws a SyncError when the engine can't be asked. */
export async function sweepContainers(options: SweepOptions): Promise<number> {
  const { directory: cwd, signal, stateDir } = options;
  const asked = { signal, msMax: askMsMax };
  const engine = await openEngine({
    ...{ ...options, msMax: askMsMax },
    ...{ label: 'containers of dead workers', end: 'tidemark' },
  });
  const { program, env } = engine;
  const names = new Set<string>();
  const list = ['ps', '--all', '--filter', `label=${rootLabel}=${stateDir}`];
  await runToEnd(
    { argv: [program, ...list, '--format', '{{.Names}}'], cwd, env },
    { ...asked, log: (line) => names.add(line.trim()) },
  );
  const dead = [...names].filter(
    (name) => name.startsWith(namePrefix) && isOfDead(name.slice(namePrefix.length)),
  );
  if (dead.length === 0) return 0;
  await runToEnd({ argv: [program, 'rm', '--force', ...dead], cwd, env }, asked);
  return dead.length;
}
