import { randomBytes } from 'node:crypto';
import type { ConfigRoad } from '../../activities/deps.ts';
import type { JsonObject, Source } from '../../protocol/index.ts';
import { SyncError } from '../../protocol/index.ts';
import type { ConnectorEntry, ConnectorsFile } from '../../worker/connectors-file.ts';
import { createKeyRing } from '../../worker/keys.ts';
import type { ConfigListener } from '../../worker/runners/config-listener.ts';
import { createRedactor } from '../../worker/redact.ts';
import { createConnectors, type Natives, type Protocol } from '../../worker/registry.ts';

const log = { connection: 'orders', syncNo: 1 };
const signal = new AbortController().signal;

const spec = (properties: JsonObject) => ({
  connectionSpecification: { type: 'object', properties, additionalProperties: false },
});
const unused = () => Promise.reject(new Error('not called'));
function source(properties: JsonObject): Source<JsonObject> {
  const read = async function* () {};
  return { spec: spec(properties), check: unused, discover: unused, read };
}
const shopSource = source({ url: { type: 'string', airbyte_secret: true } });
const shopDestination = {
  spec: spec({ path: { type: 'string', 'x-path': true } }),
  ...{ check: unused, open: unused },
};
const lake = { spec: spec({}), check: unused, open: unused };
const cloudSpec = {
  connectionSpecification: {
    ...spec({ key: { type: 'string', airbyte_secret: true }, bucket: { type: 'string' } })
      .connectionSpecification,
    'x-ambient-without': 'key',
  },
};
const natives: Natives = {
  shop: {
    source: () => Promise.resolve(shopSource),
    destination: () => Promise.resolve(shopDestination),
  },
  lake: { destination: () => Promise.resolve(lake) },
  cloud: { destination: () => Promise.resolve({ spec: cloudSpec, check: unused, open: unused }) },
};

function entry(name: string, some: Partial<ConnectorEntry>): [string, ConnectorEntry] {
  const secrets = { env: new Map([['TOKEN', []]]), files: new Map() };
  const rest = {
    ...{
      kind: null,
      command: null,
      package: null,
      container: null,
      ambient: null,
      env: [],
      rotates: null,
    },
    place: 'connectors.yaml:3',
  };
  return [name, { name, runner: 'native', secrets, ...rest, ...some }];
}

function registry(
  protocol: Partial<Protocol> = {},
  keys: readonly string[] = [],
  cloud: Partial<ConnectorEntry> = {},
) {
  const file: ConnectorsFile = {
    path: '/w/connectors.yaml',
    directory: '/w',
    directories: [],
    entries: new Map([
      entry('shop', {}),
      entry('lake', {}),
      entry('cloud', cloud),
      entry('mine', { runner: 'exec', kind: 'source', command: ['node', 'x.js'] }),
      entry('theirs', { runner: 'pypi', kind: 'destination', package: 'p==1' }),
    ]),
  };
  const redactor = createRedactor();
  return createConnectors({
    file,
    natives,
    protocol: {
      ...{ spec: unused, source: unused, destination: unused, logs: unused },
      logged: (_, native) => native,
      note: () => undefined,
      ...protocol,
    },
    environment: { TOKEN: 'hunter22' },
    redactor,
    keys: createKeyRing(keys),
  });
}

async function refusal(promise: Promise<unknown>): Promise<SyncError> {
  const error: unknown = await promise.then(
    () => new Error('It was accepted.'),
    (e: unknown) => e,
  );
  if (error instanceof SyncError && error.kind === 'config_error') return error;
  throw error;
}

test('a native end is opened with its secrets resolved, and what was resolved is redacted', async () => {
  const connectors = registry();
  const ref = { connector: 'shop', config: { url: '${env:TOKEN}' } };
  const opened = await connectors.openSource(ref, log, signal, null);
  expect(opened).toEqual({ source: shopSource, config: { url: 'hunter22' } });
  expect(connectors.redact('said hunter22')).toBe('said ****');
});

test('a config is refused by spec, by secret and by directory, with the origin of its end', async () => {
  const connectors = registry();
  const from = (connector: string, config: JsonObject) =>
    refusal(connectors.openSource({ connector, config }, log, signal, null));
  expect(await from('shop', { nope: 1 })).toMatchObject({ origin: 'source' });
  expect((await from('shop', { url: 'hunter22' })).message).toContain('written out');
  const to = refusal(
    connectors.openDestination(
      { connector: 'shop', config: { path: '/etc/x' } },
      log,
      signal,
      null,
    ),
  );
  expect(await to).toMatchObject({ origin: 'destination' });
  expect((await to).message).toContain('outside the directories');
});

test('an exec source: its spec is read once, a failure to read it is not kept', async () => {
  let calls = 0;
  const started: unknown[] = [];
  const theirs = source({ token: { type: 'string', airbyte_secret: true } });
  const connectors = registry({
    spec: async () => {
      calls += 1;
      if (calls === 1) throw new Error('no such command');
      return theirs.spec;
    },
    source: async (at, itsSpec, place) => {
      started.push([at.name, itsSpec, place]);
      return theirs;
    },
  });
  const ref = { connector: 'mine', config: { token: '${env:TOKEN}' } };
  await expect(connectors.openSource(ref, log, signal, null)).rejects.toThrow('no such command');
  for (let i = 0; i < 2; i += 1)
    expect((await connectors.openSource(ref, log, signal, null)).config).toEqual({
      token: 'hunter22',
    });
  expect(await connectors.spec('mine', signal)).toBe(theirs.spec);
  expect(calls).toBe(2);
  expect(started).toEqual([
    ['mine', theirs.spec, log],
    ['mine', theirs.spec, log],
  ]);
  await refusal(
    connectors.openSource({ connector: 'mine', config: { bad: 1 } }, log, signal, null),
  );
  expect(started).toHaveLength(2);
});

test('a destination that is another program is opened by its spec, its config refused before it starts', async () => {
  const theirs = shopDestination;
  const started: unknown[] = [];
  const connectors = registry({
    spec: async () => spec({ token: { type: 'string', airbyte_secret: true } }),
    destination: async (at, _, place) => {
      started.push([at.name, place]);
      return theirs;
    },
  });
  const ref = { connector: 'theirs', config: { token: '${env:TOKEN}' } };
  const opened = await connectors.openDestination(ref, log, signal, null);
  expect(opened).toEqual({ destination: theirs, config: { token: 'hunter22' } });
  const bad = connectors.openDestination({ ...ref, config: { bad: 1 } }, log, signal, null);
  expect(await refusal(bad)).toMatchObject({ origin: 'destination' });
  expect(started).toEqual([['theirs', log]]);
});

test('what a program changes in its config is given to whatever runs next of the same opening, and of the next', async () => {
  let listener: ConfigListener | null = null;
  const theirs = source({ token: { type: 'string', airbyte_secret: true } });
  const connectors = registry(
    {
      spec: async () => theirs.spec,
      source: async (_, __, ___, ____, updates) => {
        listener = updates;
        return theirs;
      },
    },
    [randomBytes(32).toString('base64')],
  );
  const sent: Parameters<ConfigRoad['remember']>[0][] = [];
  const road: ConfigRoad = {
    connection: { id: 'uuid', name: 'orders' },
    held: async () => {
      const last = sent.at(-1);
      return last === undefined ? null : { ...last, no: sent.length, at: 'now' };
    },
    async remember(update) {
      sent.push(update);
      return { type: 'kept' };
    },
  };
  const ref = { connector: 'mine', config: { token: '${env:TOKEN}' } };
  const opened = await connectors.openSource(ref, log, signal, road);
  expect(opened.config).toEqual({ token: 'hunter22' });
  const control = { type: 'CONNECTOR_CONFIG', emitted_at: 1 } as const;
  const config = { token: 'hunter33' };
  listener!.hear({ type: 'CONTROL', control: { ...control, connectorConfig: { config } } });
  await listener!.kept();
  expect(opened.config).toEqual(config);
  expect(sent).toMatchObject([{ end: 'source', connector: 'mine', over: 0, keys: ['/token'] }]);
  expect((await connectors.openSource(ref, log, signal, road)).config).toEqual(config);
  expect(connectors.redact('hunter33')).toBe('****');
});

test('ends that do not exist are refused with what there is', async () => {
  const connectors = registry();
  const open = (connector: string, end: 'openSource' | 'openDestination') =>
    refusal(connectors[end]({ connector, config: {} }, log, signal, null));
  expect((await open('nope', 'openSource')).remedy).toContain('lake, mine, shop, theirs');
  expect((await open('lake', 'openSource')).remedy).toContain('shop');
  expect((await open('mine', 'openDestination')).place).toContain('used as a destination');
  expect((await open('theirs', 'openSource')).place).toContain('is a destination');
  await refusal(connectors.spec('nope', signal));
});

test('the list says what each connector is', () => {
  expect(registry().list()).toEqual([
    { name: 'shop', kind: 'both', runner: 'native', detail: 'part of Tidemark' },
    { name: 'lake', kind: 'destination', runner: 'native', detail: 'part of Tidemark' },
    { name: 'cloud', kind: 'destination', runner: 'native', detail: 'part of Tidemark' },
    { name: 'mine', kind: 'source', runner: 'exec', detail: 'node' },
    { name: 'theirs', kind: 'destination', runner: 'pypi', detail: 'p==1' },
  ]);
});

test('a native spec is one, or one an end', async () => {
  expect(await registry().spec('lake', signal)).toBe(lake.spec);
  expect(await registry().spec('shop', signal)).toEqual({
    source: shopSource.spec,
    destination: shopDestination.spec,
  });
});

describe('a connector that can act with the worker’s own credentials', () => {
  const open = (config: JsonObject, ambient: ConnectorEntry['ambient']) =>
    registry({}, [], { ambient }).openDestination(
      { connector: 'cloud', config },
      log,
      signal,
      null,
    );
  const bound = [[{ path: ['bucket'], text: 'lake' }]];

  test('does not, unless connectors.yaml says so', async () => {
    const error = await refusal(open({ bucket: 'lake' }, null));
    expect(error.place).toBe('cloud /key');
    expect(error.remedy).toContain('credentials: [ambient]');
    await expect(open({ bucket: 'lake' }, [])).resolves.toMatchObject({
      config: { bucket: 'lake' },
    });
  });

  test('does so only with the values that it is bound to', async () => {
    await expect(open({ bucket: 'lake' }, bound)).resolves.toBeDefined();
    const error = await refusal(open({ bucket: 'theirs' }, bound));
    expect(error.remedy).toContain('/bucket');
  });

  test('needs nothing where the config brings some', async () => {
    const opened = await open({ key: '${env:TOKEN}', bucket: 'theirs' }, null);
    expect(opened.config).toEqual({ key: 'hunter22', bucket: 'theirs' });
  });
});
