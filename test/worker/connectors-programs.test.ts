import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Item, JsonObject, Source } from '../../protocol/index.ts';
import { loadConfig } from '../../worker/config.ts';
import { readConnectorsFile } from '../../worker/connectors-file.ts';
import { createPrograms } from '../../worker/programs.ts';
import { createRedactor } from '../../worker/redact.ts';
import { createConnectors, type Natives } from '../../worker/registry.ts';
import { block, catalogOf, configured, end, id, streamState } from '../support/items.ts';
import { writeInput } from './fake-destination.ts';

/** An exec source that tells of itself what a worker must keep from it or for it. */
const program = `
const { readFileSync, appendFileSync } = require('node:fs');
const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
const [verb] = process.argv.slice(2);
appendFileSync('runs.txt', verb + '\\n');
const at = process.argv.indexOf('--config');
const config = at < 0 ? {} : JSON.parse(readFileSync(process.argv[at + 1], 'utf8'));
if (verb === 'spec')
  say({ type: 'SPEC', spec: { connectionSpecification: { type: 'object', additionalProperties: false,
    properties: { token: { type: 'string', airbyte_secret: true } } } } });
if (verb === 'check') {
  say({ type: 'LOG', log: { level: 'INFO', message: 'logging in with ' + config.token } });
  say({ type: 'CONNECTION_STATUS', connectionStatus: { status: 'FAILED',
    message: JSON.stringify({ refused: config.token, env: Object.keys(process.env).sort() }) } });
}
if (verb === 'read') {
  say({ type: 'RECORD', record: { stream: 's', data: { a: 1 }, emitted_at: 1 } });
  say({ type: 'STATE', state: { type: 'STREAM', stream: { stream_descriptor: { name: 's' }, stream_state: { a: 1 } } } });
}
`;

/** Echoes what it is given. */
const writes = `
if (verb === 'write') {
  const lines = require('node:readline').createInterface({ input: process.stdin });
  lines.on('line', (line) => { if (JSON.parse(line).type === 'STATE') console.log(line); });
}
`;

let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-programs-')));
  writeFileSync(join(directory, 'source.cjs'), program + writes);
  writeFileSync(
    join(directory, 'connectors.yaml'),
    `connectors:
  mine: { kind: source, runner: exec, command: [node, ./source.cjs], secrets: [API_TOKEN], env: [ALLOWED] }
  theirs: { kind: destination, runner: exec, command: [node, ./source.cjs], secrets: [API_TOKEN] }
  gone: { kind: source, runner: exec, command: [./not-there] }
  loose: { kind: source, runner: pypi, package: airbyte-source-x }
`,
  );
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const signal = new AbortController().signal;
const log = { connection: 'orders', syncNo: 3 };

function registry(natives: Natives = {}) {
  const environment = {
    PATH: process.env['PATH'],
    HOME: directory,
    API_TOKEN: 'hunter22',
    ALLOWED: 'yes',
    WORKER_ONLY: 'no',
    TIDEMARK_STATE_DIR: join(directory, 'state'),
    TIDEMARK_CACHE_DIR: join(directory, 'cache'),
    TEMPORAL_CONFIG_FILE: '/no/such/file.toml',
  };
  const config = loadConfig(environment, directory);
  const file = readConnectorsFile(config.connectorsFile, Object.keys(natives), directory);
  const redactor = createRedactor();
  const programs = createPrograms({ config, file, redactor });
  return createConnectors({
    file,
    natives,
    protocol: programs,
    environment,
    redactor,
    keys: config.keys,
  });
}
const mine = { connector: 'mine', config: { token: '${env:API_TOKEN}' } };

test('an exec source is run beside connectors.yaml, with only its variables, and its words are redacted', async () => {
  const connectors = registry();
  const { source, config } = await connectors.openSource(mine, log, signal, null);
  expect(config).toEqual({ token: 'hunter22' });
  const error: unknown = await source.check(config, signal).catch((e: unknown) => e);
  const { message } = error as Error;
  expect(message).toContain('"refused":"****"');
  expect(message).toContain('ALLOWED');
  expect(message).not.toMatch(/API_TOKEN|WORKER_ONLY|TIDEMARK/);
  const told = await connectors.logs('orders', 10);
  expect(told).toContain('[mine]');
  expect(told).toContain('logging in with ****');
  expect(await connectors.logs('other', 10)).toBe('');
});

test('it is read to its end, its spec was asked for once, and no private file is left', async () => {
  const connectors = registry();
  const items: Item['type'][] = [];
  for (let run = 0; run < 2; run += 1) {
    const { source, config } = await connectors.openSource(mine, log, signal, null);
    const catalog = { streams: [] };
    const checkpoints = (async function* () {})();
    const input = { config, catalog, state: [], checkpoints, drain: signal, abort: signal };
    for await (const item of source.read({ ...input, accepts: () => ['jsonl'] })) {
      if (item.type === 'BLOCK') item.release();
      items.push(item.type);
    }
  }
  expect(items).toEqual(['BLOCK', 'STATE', 'END', 'BLOCK', 'STATE', 'END']);
  const runs = readFileSync(join(directory, 'runs.txt'), 'utf8');
  expect(runs).toBe('spec\nread\nread\n');
  const left = join(directory, 'state', 'private');
  expect(existsSync(left) ? readdirSync(left) : []).toEqual([]);
});

test('an exec destination: checked and written to, with a log of its own and no private file left', async () => {
  const connectors = registry();
  const ref = { ...mine, connector: 'theirs' };
  const { destination, config } = await connectors.openDestination(ref, log, signal, null);
  const error: unknown = await destination.check(config, signal).catch((e: unknown) => e);
  expect(error).toMatchObject({ kind: 'config_error', origin: 'destination' });
  // Else Python keeps its echoes to itself.
  expect((error as Error).message).toContain('PYTHONUNBUFFERED');
  expect((error as Error).message).not.toMatch(/API_TOKEN|WORKER_ONLY|TIDEMARK/);
  const stream = id('s');
  const { input } = writeInput({ config }, catalogOf(configured(stream)));
  const writer = await destination.open(input);
  const echoes: unknown[] = [];
  const items = [block(stream, 1, 2), streamState(stream, 7), end()];
  for await (const echo of writer.write(Readable.from(items))) echoes.push(echo);
  await writer.close();
  expect(echoes).toMatchObject([{ checkpoint: { scope: 's', records: 2 } }]);
  expect(await connectors.logs('orders', 10)).toContain('[theirs]');
  const left = join(directory, 'state', 'private');
  expect(existsSync(left) ? readdirSync(left) : []).toEqual([]);
  expect(destination.guarantee).toMatchObject({ delivery: 'at least once' });
});

test('a command that is not there and a package without version are config errors', async () => {
  const connectors = registry();
  for (const connector of ['gone', 'loose'])
    await expect(
      connectors.openSource({ connector, config: {} }, log, signal, null),
    ).rejects.toMatchObject({ kind: 'config_error' });
});

test('a native source’s words go to the same log, redacted and cut; so does how it failed', async () => {
  const failure = {
    kind: 'config_error',
    origin: 'source',
    message: 'Not with hunter22.',
  } as const;
  const long = `${'x'.repeat(20_000)} END`;
  const native: Source<JsonObject> = {
    spec: {
      connectionSpecification: {
        properties: { token: { type: 'string', airbyte_secret: true } },
      },
    },
    check: async () => undefined,
    discover: async () => ({ streams: [] }),
    async *read() {
      yield { type: 'LOG', log: { level: 'WARN', message: 'took hunter22 along' } };
      yield { type: 'LOG', log: { level: 'INFO', message: long } };
      yield {
        type: 'TRACE',
        trace: {
          type: 'STREAM_STATUS',
          emitted_at: 1,
          stream_status: { stream_descriptor: { name: 'orders' }, status: 'INCOMPLETE' },
        },
      };
      yield { type: 'END', failure, drained: false, statuses: {} };
    },
  };
  writeFileSync(
    join(directory, 'connectors.yaml'),
    'connectors:\n  shop: { secrets: [API_TOKEN] }\n',
  );
  const connectors = registry({ shop: { source: () => Promise.resolve(native) } });
  const ref = { connector: 'shop', config: { token: '${env:API_TOKEN}' } };
  const { source, config } = await connectors.openSource(ref, log, signal, null);
  const items: Item[] = [];
  const checkpoints = (async function* () {})();
  const input = { config, catalog: { streams: [] }, state: [], checkpoints };
  for await (const item of source.read({
    ...{ ...input, drain: signal, abort: signal },
    accepts: () => ['jsonl'],
  }))
    items.push(item);
  expect(items.map(({ type }) => type)).toEqual(['LOG', 'LOG', 'TRACE', 'END']);
  expect(items[0]).toMatchObject({ log: { message: 'took **** along' } });
  const told = await connectors.logs('orders', 10);
  expect(told).toContain('[shop] WARN took **** along');
  expect(told).toContain('TRACE orders INCOMPLETE');
  expect(told).toContain('Not with ****.');
  expect(told).not.toMatch(/hunter22| END/);
});
