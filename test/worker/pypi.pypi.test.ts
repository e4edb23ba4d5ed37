import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
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
      stateDir: join(stateDir, 'private'),
      log: (line: string) => log.push(line),
      redact: (text: string) => text,
      silenceMsMax: 60_000,
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
