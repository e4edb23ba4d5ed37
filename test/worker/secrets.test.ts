import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '../../protocol/index.ts';
import type { Binding } from '../../worker/bindings.ts';
import type { ConnectorEntry } from '../../worker/connectors-file.ts';
import { createRedactor } from '../../worker/redact.ts';
import { resolveSecrets } from '../../worker/secrets.ts';
import { refusalOf, textOf } from './refusal.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-secrets-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const environment = {
  URL: 'postgres://shop:hunter22@db/shop',
  PASSWORD: 'hunter22',
  PORT: '5433',
  SSL: 'true',
  EMPTY: '',
  NESTED: '${env:PASSWORD}',
  OTHER: 'not-for-you',
  BOUND: 'bound-secret',
  HOST: 'db.internal',
};

const unbound = (name: string): [string, readonly Binding[]] => [name, []];
const toDatabase: Binding = [
  { path: ['host'], text: 'db.internal' },
  { path: ['port'], text: '5433' },
  { path: ['url'], text: null },
];

function context(files: readonly string[] = []) {
  const entry: ConnectorEntry = {
    name: 'shop',
    runner: 'native',
    kind: null,
    command: null,
    package: null,
    container: null,
    secrets: {
      env: new Map([
        ...['URL', 'PASSWORD', 'PORT', 'SSL', 'EMPTY', 'NESTED', 'UNSET', 'HOST'].map(unbound),
        ['BOUND', [toDatabase, [{ path: ['credentials', 'auth_type'], text: 'token' }]]],
      ]),
      files: new Map([...files.map((file) => unbound(join(directory, file)))]),
    },
    env: [],
    ambient: null,
    rotates: false,
    place: null,
  };
  const file = {
    path: join(directory, 'connectors.yaml'),
    directory,
    entries: new Map([['shop', entry]]),
    directories: [],
  };
  return { entry, file, environment, redactor: createRedactor(), origin: 'source' as const };
}

const schema: JsonObject = {
  type: 'object',
  properties: {
    url: { type: 'string', airbyte_secret: true },
    host: { type: 'string' },
    port: { type: 'integer' },
    ssl: { type: 'boolean' },
    keys: { type: 'array', items: { type: 'string', airbyte_secret: true } },
    pin: { type: 'integer', airbyte_secret: true },
    blob: { type: 'object', airbyte_secret: true },
    credentials: {
      type: 'object',
      oneOf: [
        {
          properties: {
            auth_type: { type: 'string', const: 'token' },
            value: { $ref: '#/definitions/secret' },
          },
        },
        { properties: { auth_type: { type: 'string', const: 'name' }, value: { type: 'string' } } },
      ],
    },
    loop: { $ref: '#/definitions/loop' },
  },
  additionalProperties: { type: 'string', airbyte_secret: true },
  definitions: {
    secret: { type: 'string', airbyte_secret: true },
    loop: { anyOf: [{ $ref: '#/definitions/loop' }, { $ref: '#/definitions/loop' }] },
  },
};
const resolve = (config: JsonObject, at = context()) => resolveSecrets(config, schema, at);

test('references are replaced whole and inside a text, at any depth, and the rest is kept', () => {
  expect(
    resolve({
      url: '${env:URL}',
      host: 'db-${env:PORT}.internal:${env:PORT}',
      keys: ['${env:PASSWORD}'],
      credentials: { auth_type: 'token', value: '${env:PASSWORD}' },
    }),
  ).toEqual({
    url: environment.URL,
    host: 'db-5433.internal:5433',
    keys: ['hunter22'],
    credentials: { auth_type: 'token', value: 'hunter22' },
  });
  const plain = { host: '${HOME} $5 ${other:x}', port: 1, ssl: false, loop: { a: [null, 1.5] } };
  expect(resolve(plain)).toEqual(plain);
});

test('a whole reference becomes the number or boolean that the spec wants', () => {
  expect(resolve({ port: '${env:PORT}', ssl: '${env:SSL}', host: '${env:PORT}' })).toEqual({
    port: 5433,
    ssl: true,
    host: '5433',
  });
});

test('a resolved value is not searched again', () => {
  expect(resolve({ host: '${env:NESTED}' })).toEqual({ host: '${env:PASSWORD}' });
});

test('a file gives its content without the last newline, relative to connectors.yaml', () => {
  writeFileSync(join(directory, 'token'), 'line 1\nline 2\r\n');
  const at = context(['token']);
  expect(resolve({ host: '${file:./token}' }, at)).toEqual({ host: 'line 1\nline 2' });
  expect(resolve({ host: `\${file:${directory}/x/../token}` }, at)).toEqual({
    host: 'line 1\nline 2',
  });
});

test.each([
  ['${env:OTHER}', 'not allowed', 'secrets: [OTHER]'],
  ['${env:PATH}', 'not allowed', 'secrets: [PATH]'],
  ['${env:toString}', 'not allowed', 'secrets: [toString]'],
  ['${file:/etc/passwd}', 'not allowed', 'secrets: [/etc/passwd]'],
  ['${file:token/../../../etc/passwd}', 'not allowed', 'passwd'],
  ['a ${env:UNSET} b', 'not set', 'variable UNSET'],
  ['${env:EMPTY}', 'not set', 'variable EMPTY'],
  ['${file:gone}', 'cannot be used', 'ENOENT'],
  ['${file:empty}', 'cannot be used', 'is empty'],
  ['${file:big}', 'cannot be used', 'larger than'],
  ['${env:}', 'broken', '${env:NAME}'],
  ['${env:PASSWORD', 'broken', '${env:NAME}'],
  ['${file:}', 'broken', '${file:PATH}'],
])('%s is refused with the connector and the way out', (reference, message, remedy) => {
  writeFileSync(join(directory, 'empty'), '\n');
  writeFileSync(join(directory, 'big'), 'x'.repeat(64 * 1024 + 1));
  const error = refusalOf(() => resolve({ host: reference }, context(['gone', 'empty', 'big'])));
  expect(error.message).toContain(message);
  expect(error.remedy).toContain(remedy);
  expect(error.place).toContain('shop /host');
  expect(error.origin).toBe('source');
  expect(textOf(error)).not.toContain('not-for-you');
});

test('a refusal of a reference names the file to edit', () => {
  const error = refusalOf(() => resolve({ host: '${env:OTHER}' }));
  expect(error.place).toContain('${env:OTHER}');
  expect(error.remedy).toContain(join(directory, 'connectors.yaml'));
});

test.each<[JsonObject, string]>([
  [{ url: 'hunter22' }, '/url'],
  [{ pin: 12345678 }, '/pin'],
  [{ keys: ['${env:PASSWORD}', 'hunter22'] }, '/keys/1'],
  [{ credentials: { auth_type: 'token', value: 'hunter22' } }, '/credentials/value'],
  [{ credentials: { value: 'hunter22' } }, '/credentials/value'],
  [{ blob: { deep: { er: 'hunter22' } } }, '/blob/deep/er'],
  [{ undeclared: 'hunter22' }, '/undeclared'],
])('a secret written out is refused by its path, never its value: %j', (config, path) => {
  const error = refusalOf(() => resolve(config));
  expect(error.place).toBe(`shop ${path}`);
  expect(textOf(error)).not.toContain('hunter22');
  expect(textOf(error)).not.toContain('12345678');
});

test('the same place in a branch that the config does not mean is no secret', () => {
  const config = { credentials: { auth_type: 'name', value: 'plain' } };
  expect(resolve(config)).toEqual(config);
});

test('an empty or absent secret is left to the spec', () => {
  expect(resolve({ url: '', keys: [], blob: { a: null } })).toEqual({
    url: '',
    keys: [],
    blob: { a: null },
  });
});

test('what was resolved is masked from then on, a URL with its password alone too', () => {
  const at = context();
  expect(at.redactor.redact('hunter22')).toBe('hunter22');
  resolve({ url: '${env:URL}' }, at);
  expect(at.redactor.redact(`cannot reach ${environment.URL}: password "hunter22"`)).toBe(
    'cannot reach ****: password "****"',
  );
});

describe('a secret that is bound to values of the config', () => {
  const used = { pin: '${env:BOUND}', host: 'db.internal', port: 5433 };

  test('is given with exactly these, also when they are references themselves', () => {
    const given = { pin: 'bound-secret', host: 'db.internal', port: 5433 };
    expect(resolve(used)).toEqual(given);
    expect(resolve({ ...used, host: '${env:HOST}', port: '${env:PORT}' })).toEqual(given);
    const other = { pin: '${env:BOUND}', credentials: { auth_type: 'token' } };
    expect(resolve(other)).toMatchObject({ pin: 'bound-secret' });
  });

  test.each<[string, JsonObject, string]>([
    ['another value', { ...used, host: 'evil.example' }, '/host'],
    ['the value in a longer one', { ...used, host: 'db.internal.evil.example' }, '/host'],
    ['a list that holds the value', { ...used, host: ['db.internal'] }, '/host'],
    ['another type', { ...used, port: null }, '/port'],
    ['an absent value', { pin: '${env:BOUND}', port: 5433 }, '/host'],
    ['another secret in its place', { ...used, host: '${env:PASSWORD}' }, '/host'],
    ['a value that must be absent', { ...used, url: '${env:URL}' }, '/url'],
  ])('is refused with %s', (_, config, key) => {
    const error = refusalOf(() => resolve(config));
    expect(error.message).toContain('bound to');
    expect(error.place).toBe('shop /pin ${env:BOUND}');
    expect(error.remedy).toContain(key);
    expect(error.remedy).toContain(join(directory, 'connectors.yaml'));
    for (const hidden of ['bound-secret', 'hunter22', 'db.internal', '5433', 'evil'])
      expect(textOf(error)).not.toContain(hidden);
  });

  test('stands alone: inside a longer text it could be part of an address', () => {
    const error = refusalOf(() => resolve({ ...used, url: 'postgres://a:${env:BOUND}@evil/' }));
    expect(error.place).toBe('shop /url ${env:BOUND}');
    expect(error.remedy).toContain('by itself');
    expect(textOf(error)).not.toContain('bound-secret');
  });
});
