import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectorInfo, JsonObject, SyncClient } from '../../client/index.ts';
import { parseConnection } from '../../client/connection-file.ts';
import { duckdbDestination } from '../../connectors/duckdb/index.ts';
import { filesSource } from '../../connectors/files/index.ts';
import { postgresDestination } from '../../connectors/postgres/index.ts';
import { validateConfig } from '../../worker/validate.ts';
import { run, type Ran } from './fake-io.ts';

/** As connectors of other people write theirs. */
const apiSpec: JsonObject = {
  type: 'object',
  required: ['start', 'credentials', 'region'],
  additionalProperties: false,
  definitions: { page: { type: 'integer', minimum: 1, maximum: 100, description: 'Page size.' } },
  properties: {
    region: { type: 'string', enum: ['eu', 'us'], default: 'eu', order: 1 },
    start: {
      type: 'string',
      format: 'date',
      title: 'Start date',
      examples: ['2024-01-31'],
      order: 0,
    },
    page: { $ref: '#/definitions/page' },
    credentials: {
      type: 'object',
      order: 2,
      oneOf: [
        {
          title: 'Token',
          required: ['type', 'token'],
          properties: {
            type: { type: 'string', const: 'token' },
            token: { type: 'string', airbyte_secret: true, minLength: 100 },
          },
        },
        {
          title: 'Login',
          required: ['type', 'user'],
          properties: {
            type: { type: 'string', const: 'login' },
            user: { type: 'string' },
            password: { type: 'string', airbyte_secret: true },
          },
        },
      ],
    },
  },
};

const connectors: readonly ConnectorInfo[] = [
  { name: 'api', kind: 'source', runner: 'exec', detail: 'node' },
  { name: 'elsewhere', kind: 'destination', runner: 'exec', detail: 'node' },
  ...(['duckdb', 'files', 'postgres'] as const).map((name) => {
    const kind = name === 'files' ? ('both' as const) : ('destination' as const);
    return { name, kind, runner: 'native' as const, detail: '' };
  }),
];
const specs: Readonly<Record<string, unknown>> = {
  api: { connectionSpecification: apiSpec },
  duckdb: duckdbDestination.spec,
  // As of a connector that is both ends.
  elsewhere: {
    connectionSpecification: {
      type: 'object',
      required: ['host'],
      properties: { host: { type: 'string' } },
    },
  },
  files: { source: filesSource.spec, destination: duckdbDestination.spec },
  postgres: postgresDestination.spec,
};
const client: Partial<SyncClient> = {
  connectors: async () => connectors,
  connectorSpec: async (name) => specs[name] as never,
};

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-init-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const textOf = (name: string): Promise<string> => readFile(join(directory, name), 'utf8');
const shop = 'connections/shop.yaml';

/** `answers` null: no terminal. A question after the last answer gets what Ctrl-D gives. */
async function init(
  args: readonly string[],
  answers: readonly string[] | null = null,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran & { readonly questions: readonly string[] }> {
  const questions: string[] = [];
  const left = [...(answers ?? [])];
  const ask = async (question: string): Promise<string> => {
    questions.push(question);
    return left.shift() ?? '';
  };
  const io = { directory, environment, ask: answers === null ? null : ask };
  const ran = await run(['init', ...args], { client, io });
  expect(left).toEqual([]);
  return { ...ran, questions };
}

const set = (...all: readonly string[]): readonly string[] => all.flatMap((one) => ['--set', one]);
const filesToDuckdb = [
  ...['--source', 'files', '--destination', 'duckdb'],
  ...set('source.path=./data', 'destination.path=./shop.duckdb'),
];
const apiToPostgres = ['--source', 'api', '--destination', 'postgres'];

test('without a terminal: a file that parses and fits the specs, and the grants it needs', async () => {
  await mkdir(join(directory, 'data'));
  const { code, out, questions } = await init(
    ['shop', ...filesToDuckdb, '--every', '15m', '--yes'],
    [],
  );
  expect({ code, questions }).toEqual({ code: 0, questions: [] });
  const spec = parseConnection(await textOf(shop), 'x');
  expect(spec).toMatchObject({
    name: 'shop',
    source: { connector: 'files', config: { path: './data' } },
    destination: { connector: 'duckdb', config: { path: './shop.duckdb' } },
    schedule: { every: '15m' },
  });
  for (const [end, schema] of [
    ['source', filesSource.spec],
    ['destination', duckdbDestination.spec],
  ] as const)
    expect(() =>
      validateConfig(spec[end].config, schema.connectionSpecification, {
        connector: 'x',
        origin: end,
      }),
    ).not.toThrow();
  expect(await textOf('connectors.yaml')).toBe('directories: [ . ]\n');
  expect(out.split('\n')).toEqual([
    'connections/shop.yaml: written.',
    'connectors.yaml: added',
    '  directories: [.]',
    'Next:',
    expect.stringContaining('restart the worker'),
    '  tidemark apply shop',
    '  tidemark check shop',
    '  tidemark sync shop',
    '',
  ]);
});

test('what may be left out is there as comments, which can be taken away', async () => {
  await init(['shop', ...filesToDuckdb]);
  const text = await textOf(shop);
  expect(text).toContain('    # Records per checkpoint. A state follows after so many records');
  expect(text).toContain('    # checkpoint_records: 10000\n');
  const taken = text.replace(/^( +)# (checkpoint_records|schema|memory_limit):/gm, '$1$2:');
  const { source, destination } = parseConnection(taken, 'x');
  expect(source.config).toEqual({
    path: './data',
    checkpoint_records: 10_000,
    memory_limit: '512MB',
  });
  expect(destination.config).toMatchObject({ schema: 'main' });
});

test('a person is asked for connectors, form, fields, name, interval and consent', async () => {
  const { code, err, questions } = await init(
    [],
    [
      ...['nope', 'api', '2024-13-01', '2024-02-01', '', '2', 'ann'],
      ...['password', 'PW', 'page', '500', '50'],
      ...['postgres', '1', 'SHOP_URL', ''],
      ...['shop', 'often', '1h', 'y'],
    ],
  );
  expect(questions.filter((one) => one.startsWith('source.'))).toContain(
    'source.credentials.password, name of its variable: ',
  );
  expect(err).toContain('source.start: Start date. (e.g. 2024-01-31)');
  expect(err).toContain('It must match format "date".');
  expect(err).toContain('source.region: (one of eu, us; default eu)');
  expect(err).toContain('2  Login');
  expect(err).toContain('It must be <= 100.');
  expect(err).toContain('1  url');
  expect(err).toContain('2  host, database, username');
  expect(err).toContain('This is not an interval');
  expect(code).toBe(0);
  const { name, source, destination, schedule } = parseConnection(await textOf(shop), 'x');
  expect({ name, source, destination, schedule }).toEqual({
    name: 'shop',
    source: {
      connector: 'api',
      config: {
        start: '2024-02-01',
        region: 'eu',
        credentials: { type: 'login', user: 'ann', password: '${env:PW}' },
        page: 50,
      },
    },
    destination: { connector: 'postgres', config: { url: '${env:SHOP_URL}' } },
    schedule: { every: '1h' },
  });
  expect(await textOf('connectors.yaml')).toContain('api: { secrets: [ PW ] }');
  expect(await textOf('connectors.yaml')).toContain('postgres: { secrets: [ SHOP_URL ] }');
});

test('without consent connectors.yaml stays as it is, and what it lacks is said', async () => {
  const refused = await init(['shop', ...filesToDuckdb], ['', '', '', 'no']);
  expect(refused.code).toBe(0);
  expect(refused.out).toContain('connectors.yaml lacks');
  const silent = await init(['more', ...filesToDuckdb, '--json']);
  expect(JSON.parse(silent.out)).toMatchObject({
    name: 'more',
    file: 'connections/more.yaml',
    lacking: { secrets: [], directories: ['.'] },
    granted: false,
  });
  expect(await readdir(directory)).toEqual(['connections']);
});

test.each([
  [
    'credentials by their constant',
    ['source.credentials.type=token', 'source.credentials.token=T'],
  ],
  ['credentials by what they need', ['source.credentials.token=${env:T}']],
])('a form is told by what is set: %s', async (_, more) => {
  const settings = set('source.start=2024-02-01', ...more, 'destination.url=SHOP_URL');
  expect((await init(['shop', ...apiToPostgres, ...settings])).code).toBe(0);
  const { source } = parseConnection(await textOf(shop), 'x');
  expect(source.config['credentials']).toEqual({ type: 'token', token: '${env:T}' });
});

const secret = 'hunter2-very-secret';
const start = 'source.start=2024-02-01';
test.each<[string, readonly string[], string]>([
  ['a secret', [start, `source.credentials.token=${secret}`], 'It is a secret'],
  ['a secret inside', [start, `source.credentials={type: token, token: ${secret}}`], '${env:NAME}'],
  ['a missing field', ['source.credentials.token=T'], 'Add --set source.start=…'],
  ['an unclear form', [start], 'Token | Login'],
  ['a form that there is not', [start, 'source.credentials.type=x'], 'Token | Login'],
  [
    'an unknown key',
    [start, 'source.regon=eu', 'source.credentials.token=T'],
    'Did you mean region?',
  ],
  [
    'a wrong value',
    ['source.start=yesterday', 'source.credentials.token=T'],
    'match format "date"',
  ],
  ['a wrong choice', [start, 'source.region=mars', 'source.credentials.token=T'], 'one of eu, us'],
  ['a key given twice', [start, start], 'given twice'],
  ['no end', [`start=${secret}`], 'Write --set source.<key>=<value>'],
  ['no value', [`source.${'start'}`], 'Write --set source.<key>=<value>'],
])('%s is refused, nothing is written and no value is repeated', async (_, settings, remedy) => {
  const args = ['shop', ...apiToPostgres, ...set(...settings, 'destination.url=SHOP_URL'), '--yes'];
  const { code, err, out } = await init(args);
  expect(code).toBe(2);
  expect(err).toContain(remedy);
  expect(err + out).not.toContain(secret);
  expect(await readdir(directory)).toEqual([]);
});

test('a secret typed by mistake is neither written nor shown', async () => {
  const settings = set('source.start=2024-02-01', 'source.credentials.type=token');
  const answers = [secret, secret, secret];
  const { code, err, out } = await init(['shop', ...apiToPostgres, ...settings, '--yes'], answers);
  expect(code).toBe(2);
  expect(err + out).not.toContain(secret);
  expect(await readdir(directory)).toEqual([]);
});

test('Ctrl-D ends the questions', async () => {
  const { code, questions } = await init([], []);
  expect(code).toBe(2);
  expect(questions).toEqual(['source: ', 'source: ', 'source: ']);
});

test.each<[readonly string[], string]>([
  [['--source', 'file', '--destination', 'duckdb'], 'Did you mean files?'],
  [['--source', 'duckdb', '--destination', 'duckdb'], 'no such source'],
  [['--source', 'files', '--destination', 'api', ...set('source.path=.')], 'no such destination'],
  [['--destination', 'duckdb'], 'No source was chosen'],
])('%j is refused', async (args, said) => {
  const { code, err } = await init(['shop', ...args]);
  expect(code).toBe(2);
  expect(err).toContain(said);
});

test('a destination that is another program is offered, and written as any other', async () => {
  const settings = set('source.path=.', 'destination.host=db.internal');
  const { code, err } = await init([
    'shop',
    ...['--source', 'files', '--destination', 'elsewhere', ...settings, '--yes'],
  ]);
  expect([code, err]).toEqual([0, expect.any(String)]);
  const { destination } = parseConnection(await textOf(shop), shop);
  expect(destination).toEqual({ connector: 'elsewhere', config: { host: 'db.internal' } });
});

test('an interval that is none is refused, and nothing is written', async () => {
  const { code, err } = await init(['shop', ...filesToDuckdb, '--every', 'often', '--yes']);
  expect(code).toBe(2);
  expect(err).toContain('This is not an interval.');
  expect(await readdir(directory)).toEqual([]);
});

test('a file that is there is kept, unless --force is said', async () => {
  await mkdir(join(directory, 'connections'));
  await writeFile(join(directory, shop), 'mine');
  const kept = await init(['shop', ...filesToDuckdb]);
  expect(kept.code).toBe(2);
  expect(kept.err).toContain('--force');
  expect(kept.asked).toEqual([]);
  expect(await textOf(shop)).toBe('mine');
  // The name that is made of the connectors' is checked too.
  await writeFile(join(directory, 'connections/files-to-duckdb.yaml'), 'mine');
  expect((await init(filesToDuckdb)).code).toBe(2);
  expect((await init(['shop', ...filesToDuckdb, '--force'])).code).toBe(0);
  expect(await textOf(shop)).toContain('name: shop');
});

test("the worker's file is where TIDEMARK_CONNECTORS says", async () => {
  const environment = { TIDEMARK_CONNECTORS: 'worker.yaml' };
  await init(['shop', ...filesToDuckdb, '--yes'], [], environment);
  expect(await textOf('worker.yaml')).toContain('directories');
});
