import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { noUpdates } from '../../worker/runners/config-listener.ts';
import { protocolSource, readSpec } from '../../worker/runners/child.ts';
import { connectorEnvironment } from '../../worker/runners/environment.ts';
import { preparePypi } from '../../worker/runners/pypi.ts';
import type { ConfiguredCatalog } from '../../protocol/index.ts';
import { readInput } from './fake-connector.ts';

const cacheDir = process.env['TIDEMARK_CACHE_DIR'] ?? join(homedir(), '.cache', 'tidemark');
const installMsMax = 10 * 60_000;

test(
  'installs a real connector from PyPI once, and reads from it',
  async () => {
    const log: string[] = [];
    const signal = new AbortController().signal;
    const prepare = (): Promise<string> =>
      preparePypi({
        package: 'airbyte-source-hardcoded-records==0.0.48',
        end: 'source',
        command: null,
        cacheDir,
        log: (line) => log.push(line),
        signal,
      });
    // Two at once: one installs, the other waits for it.
    const [program, again] = await Promise.all([prepare(), prepare()]);
    expect(again).toBe(program);
    expect(log.filter((line) => line.startsWith('Installed')).length).toBeLessThanOrEqual(1);

    const stateDir = mkdtempSync(join(tmpdir(), 'tidemark-pypi-'));
    const options = {
      command: [program],
      cwd: stateDir,
      env: connectorEnvironment([], process.env),
      label: 'hardcoded',
      end: 'source' as const,
      stateDir: join(stateDir, 'private'),
      log: (line: string) => log.push(line),
      redact: (text: string) => text,
      updates: noUpdates,
    };
    try {
      const spec = await readSpec(options, signal);
      expect(spec.connectionSpecification['properties']).toHaveProperty('count');
      const source = protocolSource({ ...options, spec });
      const config = { count: 1000 };
      await source.check(config, signal);
      await expect(source.check({ count: 'many' }, signal)).rejects.toMatchObject({
        kind: 'config_error',
      });
      const discovered = await source.discover(config, signal);
      const catalog: ConfiguredCatalog = {
        streams: discovered.streams
          .filter((stream) => stream.name === 'products')
          .map((stream) => ({
            stream,
            sync_mode: 'full_refresh',
            destination_sync_mode: 'append',
            generation_id: 0,
            minimum_generation_id: 0,
            sync_id: 1,
          })),
      };
      let records = 0;
      const order: string[] = [];
      for await (const item of source.read({ ...readInput(config).input, catalog })) {
        if (item.type === 'BLOCK') records += item.records;
        if (item.type === 'STATE' || item.type === 'END') order.push(item.type);
        if (item.type === 'END')
          expect(item).toMatchObject({ failure: null, statuses: { products: 'COMPLETE' } });
      }
      expect([records, ...order]).toEqual([1000, 'STATE', 'END']);
    } finally {
      rmSync(stateDir, { recursive: true, force: true });
    }
  },
  installMsMax,
);

describe('with uv on PATH', () => {
  const connector = 'airbyte-source-hardcoded-records';
  let directory: string;
  let environment: Record<string, string | undefined>;
  let version: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tidemark-uv-'));
    const [venv, bin] = [join(directory, 'venv'), join(directory, 'bin')];
    const run = (program: string, ...args: string[]): string => {
      const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
      return stdout;
    };
    run('python3', '-m', 'venv', venv);
    run(join(venv, 'bin/python'), '-m', 'pip', 'install', '--quiet', '--no-input', 'uv==0.9.0');
    // uv alone: the venv's python3 is not the machine's.
    mkdirSync(bin);
    symlinkSync(join(venv, 'bin/uv'), join(bin, 'uv'));
    version = run(join(bin, 'uv'), '--version').split(' ')[1]!.trim();
    environment = {
      ...process.env,
      PATH: `${bin}:${process.env['PATH']}`,
      UV_CACHE_DIR: join(directory, 'uv-cache'),
    };
  }, installMsMax);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const prepare = (spec: string, log: (line: string) => void, env = environment): Promise<string> =>
    preparePypi({
      package: spec,
      end: 'source',
      command: null,
      cacheDir: join(directory, 'cache'),
      log,
      signal: new AbortController().signal,
      environment: env,
    });

  test(
    'uv makes the environment and installs a connector that runs',
    async () => {
      const log: string[] = [];
      const program = await prepare(`${connector}==0.0.48`, (line) => log.push(line));
      expect(log[0]).toContain('with uv');
      const venv = dirname(dirname(program));
      // What only uv writes there.
      expect(readFileSync(join(venv, 'pyvenv.cfg'), 'utf8')).toContain(`uv = ${version}\n`);
      const said = spawnSync(program, ['spec'], { encoding: 'utf8' });
      expect([said.status, said.stdout.includes('"SPEC"')]).toEqual([0, true]);
    },
    installMsMax,
  );

  test(
    'a version that does not exist is a config error, and is told in its words',
    async () => {
      const failed = await prepare(`${connector}==99.99.99`, () => undefined).catch(
        (error: unknown) => error,
      );
      expect(failed).toMatchObject({ kind: 'config_error', place: `${connector}==99.99.99` });
      expect((failed as Error & { remedy: string }).remedy).toMatch(/of uv: .*99\.99\.99/s);
    },
    installMsMax,
  );

  test(
    'an index that cannot be reached is no config error',
    async () => {
      const lost = {
        ...environment,
        UV_DEFAULT_INDEX: 'http://127.0.0.1:1/simple',
        UV_CACHE_DIR: join(directory, 'empty'),
      };
      const prepared = prepare(`${connector}==0.0.47`, () => undefined, lost);
      await expect(prepared).rejects.toMatchObject({
        kind: 'transient_error',
      });
    },
    installMsMax,
  );
});
