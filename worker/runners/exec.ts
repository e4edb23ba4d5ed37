import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { SyncError } from '../../protocol/index.ts';

export interface ExecOptions {
  /** As in connectors.yaml. */
  readonly command: readonly string[];
  /** Of connectors.yaml: relative paths start here, also those among the arguments, as it becomes the working directory. */
  readonly directory: string;
  /** Where programs without a path are looked for; as in PATH. */
  readonly path: string;
  /** The connector's name, for people. */
  readonly label: string;
  readonly end: 'source' | 'destination';
}

/** The command with its program's absolute path. Throws a config_error when there is no such program. */
export function resolveCommand({ command, directory, path, label, end }: ExecOptions): string[] {
  const [program = '', ...args] = command;
  const found = findProgram(program, { directory, path });
  if (found !== null) return [found, ...args];
  throw new SyncError('config_error', 'The command of a connector is not there.', {
    origin: end,
    place: `${label}: ${program}`,
    remedy: program.includes('/')
      ? `Put an executable file at ${resolve(directory, program)}, or correct the command in connectors.yaml.`
      : `Install ${program} where the worker's PATH finds it, or give its path in connectors.yaml.`,
    facts: { program },
  });
}

/** The absolute path of a program; null: it is not there. */
export function findProgram(
  program: string,
  { directory, path }: Pick<ExecOptions, 'directory' | 'path'>,
): string | null {
  const candidates = program.includes('/')
    ? [resolve(directory, program)]
    : path
        .split(delimiter)
        .filter((folder) => folder !== '')
        .map((folder) => join(folder, program));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // absent or forbidden: the caller says so
  }
}
