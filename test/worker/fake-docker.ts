import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/**
 * A program that takes docker's command line and has containers without a daemon: processes of their own, which outlive it as real ones do. They see
 * this host's files and not their image's; limits and rights are written down, not enforced.
 */
const program = (root: string, script: string): string => `#!${process.execPath}
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const root = ${JSON.stringify(root)};
const at = (...names) => require('node:path').join(root, ...names);
const [verb, ...args] = process.argv.slice(2);
fs.appendFileSync(at('calls.jsonl'), JSON.stringify({ argv: [verb, ...args], env: Object.keys(process.env) }) + '\\n');
const setting = (name) => { try { return fs.readFileSync(at(name), 'utf8'); } catch { return null; } };
const fail = (text, code = 1) => { process.stderr.write(text + '\\n'); process.exit(code); };
const imageFile = (image) => at('images', image.replaceAll('/', '+'));
const alive = (pid) => { try { process.kill(pid, 0); return true; } catch { return false; } };

if (verb === '--version') console.log(setting('version') ?? 'Docker version 28.2.2, build fake');
else if (setting('down') !== null) fail(setting('down'));
else if (verb === 'info') console.log(setting('info') ?? '["name=seccomp,profile=builtin"]');
else if (verb === 'image') fs.existsSync(imageFile(args.at(-1))) ? console.log('here') : fail('Error: No such image');
else if (verb === 'pull') {
  if (setting('pull-fails') !== null) fail(setting('pull-fails'));
  console.log('6.2.21: Pulling from airbyte/source-faker');
  fs.writeFileSync(imageFile(args.at(-1)), '');
} else if (verb === 'ps') {
  const wanted = args[args.indexOf('--filter') + 1].replace('label=', '');
  for (const name of fs.readdirSync(at('containers')))
    if (JSON.parse(fs.readFileSync(at('containers', name), 'utf8')).labels.includes(wanted)) console.log(name);
} else if (verb === 'rm') {
  for (const name of args.slice(1)) {
    if (!fs.existsSync(at('containers', name))) continue;
    const { pid } = JSON.parse(fs.readFileSync(at('containers', name), 'utf8'));
    if (alive(pid)) process.kill(pid, 'SIGKILL');
    fs.rmSync(at('containers', name), { force: true });
  }
} else if (verb === 'run') {
  const valued = new Set(${JSON.stringify(valued)});
  const options = [];
  let index = 0;
  while (args[index].startsWith('-')) {
    const takes = valued.has(args[index]);
    options.push([args[index], takes ? args[index + 1] : null]);
    index += takes ? 2 : 1;
  }
  const all = (name) => options.filter(([option]) => option === name).map(([, value]) => value);
  if (!fs.existsSync(imageFile(args[index]))) fail('docker: Error response from daemon: No such image', 125);
  if (setting('run-fails') !== null) fail('docker: Error response from daemon: ' + setting('run-fails'), 125);
  const env = { PATH: process.env.PATH };
  for (const variable of all('--env')) {
    const [name, ...value] = variable.split('=');
    env[name] = value.length > 0 ? value.join('=') : process.env[name];
  }
  const [name] = all('--name');
  const child = spawn(process.execPath, [${JSON.stringify(script)}, ...args.slice(index + 1)], {
    env, cwd: root, detached: true,
    stdio: [all('--interactive').length > 0 ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  fs.writeFileSync(at('containers', name), JSON.stringify({ pid: child.pid, labels: all('--label') }));
  child.stdin && process.stdin.pipe(child.stdin);
  child.stdout.pipe(process.stdout);
  child.stderr.pipe(process.stderr);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('close', (code, signal) => {
    fs.rmSync(at('containers', name), { force: true });
    process.exitCode = code ?? 128 + require('node:os').constants.signals[signal];
  });
} else fail('docker: ' + verb + ' is not a docker command.', 125);
`;

/** Options of \`docker run\` that take a value. */
const valued = [
  ...['--name', '--label', '--log-driver', '--stop-timeout', '--user', '--userns', '--cap-drop'],
  ...['--security-opt', '--memory', '--memory-swap', '--cpus', '--pids-limit', '--network'],
  ...['--mount', '--env', '--pull'],
];

export interface DockerCall {
  readonly argv: readonly string[];
  /** Names of its own variables. */
  readonly env: readonly string[];
}

export interface FakeDocker {
  /** To be put on the PATH. */
  readonly bin: string;
  calls(verb: string): readonly DockerCall[];
  containers(): readonly string[];
  /** Writes how it is to behave: \`down\`, \`info\`, \`version\`, \`pull-fails\`, \`run-fails\`. */
  set(name: string, text: string): void;
  addContainer(name: string, label: string): void;
}

/** Whatever its image, a container runs the Node script. */
export function fakeDocker(directory: string, script: string): FakeDocker {
  const root = join(directory, 'engine');
  const bin = join(directory, 'bin');
  for (const folder of [root, bin, join(root, 'images'), join(root, 'containers')])
    mkdirSync(folder, { recursive: true });
  writeFileSync(join(bin, 'docker'), program(root, script));
  chmodSync(join(bin, 'docker'), 0o755);
  return {
    bin,
    calls(verb) {
      const file = join(root, 'calls.jsonl');
      if (!existsSync(file)) return [];
      return readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as DockerCall)
        .filter(({ argv }) => argv[0] === verb);
    },
    containers: () => readdirSync(join(root, 'containers')),
    set: (name, text) => writeFileSync(join(root, name), text),
    addContainer: (name, label) =>
      writeFileSync(
        join(root, 'containers', name),
        JSON.stringify({ pid: 2 ** 22 + 1, labels: [label] }),
      ),
  };
}
