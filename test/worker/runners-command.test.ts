import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveCommand } from '../../worker/runners/exec.ts';
import { preparePypi, type PypiOptions } from '../../worker/runners/pypi.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-command-'));
  mkdirSync(join(directory, 'bin'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function program(name: string, text: string): void {
  writeFileSync(join(directory, 'bin', name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(directory, 'bin', name), 0o755);
}

test('finds a command on the PATH and beside connectors.yaml', () => {
  program('mine', '');
  const options = {
    ...{ directory, path: `/nowhere:${join(directory, 'bin')}`, label: 'x' },
    end: 'source' as const,
  };
  const path = join(directory, 'bin', 'mine');
  expect(resolveCommand({ ...options, command: ['mine', './a'] })).toEqual([path, './a']);
  expect(resolveCommand({ ...options, command: ['./bin/mine'] })).toEqual([path]);
  for (const command of [['absent'], ['./absent'], ['./bin']])
    expect(() => resolveCommand({ ...options, command })).toThrow(
      expect.objectContaining({ kind: 'config_error' }),
    );
});

/** A Python that only pretends: it makes environments whose pip does as `pip` says. */
function fakePython(pip: string): PypiOptions {
  program(
    'python3',
    `if [ "$1" = -c ]; then echo 3.11.7; exit; fi
     echo made >> "${directory}/made"
     mkdir -p "$3/bin"; printf '#!/bin/sh\\n%s\\n' '${pip}' > "$3/bin/python"; chmod +x "$3/bin/python"`,
  );
  return {
    package: 'airbyte-source-x==1.2.3',
    end: 'source',
    command: null,
    cacheDir: join(directory, 'cache'),
    log: () => undefined,
    signal: new AbortController().signal,
    environment: { PATH: `${join(directory, 'bin')}:/bin:/usr/bin`, API_TOKEN: 'secret' },
  };
}

const installs = 'env > "$(dirname "$0")/env"; touch "$(dirname "$0")/source-x"';
const made = (): number => readFileSync(join(directory, 'made'), 'utf8').trim().split('\n').length;

test('installs a package once, for several at once, and without the secrets of the worker', async () => {
  const options = fakePython(installs);
  const paths = await Promise.all([preparePypi(options), preparePypi(options)]);
  expect(new Set([...paths, await preparePypi(options)]).size).toBe(1);
  expect(existsSync(paths[0])).toBe(true);
  expect(made()).toBe(1);
  expect(readFileSync(join(paths[0], '..', 'env'), 'utf8')).not.toContain('secret');
});

test('makes an unfinished environment anew', async () => {
  const path = await preparePypi(fakePython(installs));
  rmSync(join(path, '../../.ok'));
  await preparePypi(fakePython(installs));
  expect(made()).toBe(2);
});

test('tells what is wrong with a package', async () => {
  const options = fakePython(installs);
  const kind = 'config_error';
  await expect(preparePypi({ ...options, package: 'airbyte-source-x' })).rejects.toMatchObject({
    kind,
  });
  await expect(preparePypi({ ...options, package: '--index-url=x==1' })).rejects.toMatchObject({
    kind,
  });
  await expect(preparePypi({ ...options, command: 'other' })).rejects.toMatchObject({
    kind,
    remedy: expect.stringContaining('source-x') as string,
  });
  await expect(
    preparePypi({ ...options, environment: { PATH: '/nowhere' } }),
  ).rejects.toMatchObject({ kind, message: expect.stringContaining('python3') as string });
  await expect(
    preparePypi({ ...fakePython('echo no route to host; exit 1'), package: 'y==1' }),
  ).rejects.toMatchObject({
    kind: 'transient_error',
    remedy: expect.stringContaining('no route to host') as string,
  });
});
