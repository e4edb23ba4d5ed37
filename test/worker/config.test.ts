import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDirFrom, loadConfig } from '../../worker/config.ts';
import { refusalOf, textOf } from './refusal.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'tidemark-config-'));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

/** No profile file of the machine plays a part. */
const nobody = { TEMPORAL_CONFIG_FILE: '/no/such/temporal.toml' };
const load = (env: Record<string, string> = {}) => loadConfig({ ...nobody, ...env }, cwd);
const file = (name: string, text: string) => writeFile(join(cwd, name), text);

test('without settings everything has its documented default', () => {
  expect(load()).toMatchObject({
    taskQueue: 'tidemark',
    connectorsFile: null,
    stateDir: join(homedir(), '.local/state/tidemark'),
    cacheDir: join(homedir(), '.cache/tidemark'),
    label: hostname(),
    writeSlots: 4,
    logLevel: 'INFO',
    logFormat: 'text',
    shutdownForceMs: 30_000,
    version: null,
    metricsAddress: null,
    temporalMetricsAddress: null,
    temporal: { namespace: 'default', connectionOptions: {} },
    warnings: [],
  });
});

test('a connectors.yaml in the working directory is found', async () => {
  await file('connectors.yaml', '');
  expect(load().connectorsFile).toBe(join(cwd, 'connectors.yaml'));
});

test('the file is read, relative paths start at it, and the environment wins', async () => {
  await file(
    'tidemark.yaml',
    'task_queue: q1\nlabel: box\nwrite_slots: 2\nstate_dir: ./state\nshutdown_force: 1500ms\nlog_level: debug\n',
  );
  expect(load({ TIDEMARK_LABEL: 'other', TIDEMARK_TASK_QUEUE: '' })).toMatchObject({
    taskQueue: 'q1',
    label: 'other',
    writeSlots: 2,
    stateDir: join(cwd, 'state'),
    shutdownForceMs: 1_500,
    logLevel: 'DEBUG',
  });
});

test('a version has two halves', async () => {
  await file('tidemark.yaml', 'deployment: tidemark\n');
  expect(load({ TIDEMARK_BUILD_ID: '1.4.0' }).version).toEqual({
    deploymentName: 'tidemark',
    buildId: '1.4.0',
  });
  expect(refusalOf(() => load())).toMatchObject({ place: 'TIDEMARK_BUILD_ID' });
  const dotted = { TIDEMARK_DEPLOYMENT: 'tide.mark', TIDEMARK_BUILD_ID: '1' };
  expect(refusalOf(() => load(dotted)).place).toContain('TIDEMARK_DEPLOYMENT');
});

test.each([
  ['127.0.0.1:9464', '127.0.0.1:9464'],
  ['localhost:9464', '127.0.0.1:9464'],
  ['0.0.0.0:80', '0.0.0.0:80'],
  ['[::]:9464', '[::]:9464'],
])('metrics may be served at %s', async (text, address) => {
  await file('tidemark.yaml', `temporal_metrics_address: "${text}"\n`);
  expect(load({ TIDEMARK_METRICS_ADDRESS: text })).toMatchObject({
    metricsAddress: address,
    temporalMetricsAddress: address,
  });
});

test('TIDEMARK_CONFIG names another file, which must exist', async () => {
  await file('other.yaml', 'label: named');
  expect(load({ TIDEMARK_CONFIG: 'other.yaml' }).label).toBe('named');
  const error = refusalOf(() => load({ TIDEMARK_CONFIG: './gone.yaml' }));
  expect(error.place).toBe('TIDEMARK_CONFIG = "./gone.yaml"');
});

test.each([
  ['TIDEMARK_TASK_QUEUE', 'two words', 'letters'],
  ['TIDEMARK_TASK_QUEUE', 'x'.repeat(201), 'at most 200'],
  ['TIDEMARK_CONNECTORS', './gone.yaml', 'exists'],
  ['TIDEMARK_STATE_DIR', 'a\0b', 'a path'],
  ['TIDEMARK_CACHE_DIR', 'a\0b', 'a path'],
  ['TIDEMARK_LABEL', 'a/b', 'letters'],
  ['TIDEMARK_WRITE_SLOTS', '0', '1 to 64'],
  ['TIDEMARK_WRITE_SLOTS', '65', '1 to 64'],
  ['TIDEMARK_WRITE_SLOTS', '1e1', '1 to 64'],
  ['TIDEMARK_WRITE_SLOTS', '-1', '1 to 64'],
  ['TIDEMARK_LOG_LEVEL', 'LOUD', 'TRACE, DEBUG, INFO, WARN, ERROR'],
  ['TIDEMARK_LOG_FORMAT', 'xml', 'text, json'],
  ['TIDEMARK_METRICS_ADDRESS', '9464', 'such as 127.0.0.1:9464'],
  ['TIDEMARK_METRICS_ADDRESS', '127.0.0.1:0', 'with a port'],
  ['TIDEMARK_METRICS_ADDRESS', '127.0.0.1:65536', 'with a port'],
  ['TIDEMARK_METRICS_ADDRESS', '127.0.0:9464', 'an IP address'],
  ['TIDEMARK_METRICS_ADDRESS', 'db.example:9464', 'an IP address'],
  ['TIDEMARK_TEMPORAL_METRICS_ADDRESS', '[::1:9465', 'an IP address'],
  ['TIDEMARK_SHUTDOWN_FORCE', '30', 'such as 30s'],
  ['TIDEMARK_SHUTDOWN_FORCE', '0s', '1s to 10m'],
  ['TIDEMARK_SHUTDOWN_FORCE', '11m', '1s to 10m'],
])('%s=%j is refused with what is allowed', (variable, value, allowed) => {
  const error = refusalOf(() => load({ [variable]: value }));
  expect(error.place).toContain(variable);
  expect(error.remedy).toContain(variable);
  expect(error.remedy).toContain(allowed);
  if (value.length < 20) expect(error.place).toContain(JSON.stringify(value));
});

test('a bad value in the file is refused with line and column', async () => {
  await file('tidemark.yaml', '# comment\nlabel: ok\nwrite_slots: many\n');
  const error = refusalOf(() => load());
  expect(error.place).toBe(`${join(cwd, 'tidemark.yaml')}:3:14: write_slots = "many"`);
});

test.each([
  ['write_slot: 4', 'unknown key', 'Did you mean write_slots?'],
  ['- a', 'wrong kind', 'a mapping'],
  ['label: [a]', 'wrong kind', 'one value'],
  ['label: a\nlabel: b', 'not valid YAML', 'Correct'],
  ['label: "a', 'not valid YAML', 'Correct'],
])('the file %j is refused', async (text, message, remedy) => {
  await file('tidemark.yaml', text);
  const error = refusalOf(() => load());
  expect(error.message).toContain(message);
  expect(error.remedy).toContain(remedy);
  expect(error.place).toMatch(/tidemark\.yaml:\d+:\d+/);
});

test.each(['postgres://u:hunter2@db/x', 'ghp_0123456789abcdefghijklmnop'])(
  'a secret in the wrong setting is not repeated: %s',
  (secret) => {
    const error = refusalOf(() => load({ TIDEMARK_LABEL: `${secret} `, TIDEMARK_CONFIG: '' }));
    expect(textOf(error)).not.toContain('hunter2');
    expect(textOf(error)).not.toContain('ghp_');
    expect(error.place).toContain('(not shown)');
  },
);

test('the Temporal connection comes from TEMPORAL_* and profiles, without undefined members', async () => {
  expect(load({ TEMPORAL_ADDRESS: 'example:7233', TEMPORAL_NAMESPACE: 'ns' }).temporal).toEqual({
    namespace: 'ns',
    connectionOptions: { address: 'example:7233' },
  });
  await file('t.toml', '[profile.default]\naddress = "from-file:1"\n[profile.x]\naddress = "x:2"');
  const named = { TEMPORAL_CONFIG_FILE: join(cwd, 't.toml') };
  expect(load(named).temporal.connectionOptions.address).toBe('from-file:1');
  expect(load({ ...named, TEMPORAL_PROFILE: 'x' }).temporal.connectionOptions.address).toBe('x:2');
});

test('a broken profile file is refused without quoting it: it may hold an API key', async () => {
  await file('t.toml', '[profile.default]\napi_key = "sk-very-secret\n');
  const error = refusalOf(() => load({ TEMPORAL_CONFIG_FILE: join(cwd, 't.toml') }));
  expect(textOf(error)).not.toContain('sk-very-secret');
  expect(error.remedy).toContain('TEMPORAL_CONFIG_FILE');
});

test('a misspelt variable is warned of, an unrelated one is not', () => {
  const { warnings } = load({ TIDEMARK_WRITE_SLOT: '3', TIDEMARK_API_TOKEN: 'x' });
  expect(warnings).toEqual([
    'TIDEMARK_WRITE_SLOT is set but means nothing. Did you mean TIDEMARK_WRITE_SLOTS?',
  ]);
});

test('the cache directory alone can be had, with its checks', () => {
  expect(cacheDirFrom({ TIDEMARK_CACHE_DIR: '/x' })).toBe('/x');
  expect(cacheDirFrom({})).toBe(join(homedir(), '.cache/tidemark'));
  refusalOf(() => cacheDirFrom({ TIDEMARK_CACHE_DIR: 'a\0b' }));
});
