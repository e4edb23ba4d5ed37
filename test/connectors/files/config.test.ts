import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject, SyncError } from '../../../protocol/index.ts';
import { readConnectorsFile } from '../../../worker/connectors-file.ts';
import { natives } from '../../../worker/natives.ts';
import { createKeyRing } from '../../../worker/keys.ts';
import { createRedactor } from '../../../worker/redact.ts';
import { createConnectors } from '../../../worker/registry.ts';

let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-files-config-')));
  mkdirSync(join(directory, 'data/in'), { recursive: true });
  writeFileSync(join(directory, 'connectors.yaml'), 'directories: [data]\n');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** The config as a worker gives it to the source. */
async function opened(config: JsonObject): Promise<JsonObject> {
  const refused = () => Promise.reject(new Error('not called'));
  const connectors = createConnectors({
    file: readConnectorsFile(join(directory, 'connectors.yaml'), Object.keys(natives), directory),
    ...{ natives, environment: {}, redactor: createRedactor(), keys: createKeyRing([]) },
    protocol: {
      ...{ spec: refused, source: refused, destination: refused, logs: refused },
      logged: (_, source) => source,
      note: () => undefined,
    },
  });
  const log = { connection: 'c', syncNo: 1 };
  const signal = new AbortController().signal;
  return (await connectors.openSource({ connector: 'files', config }, log, signal, null)).config;
}

test('a config with everything is taken, and its path made absolute', async () => {
  const stream = {
    ...{ name: 'orders', glob: 'orders-*.csv', format: 'csv', primary_key: ['id'] },
    csv: {
      ...{ delimiter: '\t', quote: '', header: ['id', 'zip'], null_values: ['', 'NA'] },
      ...{ encoding: 'windows-1252', header_changes: 'allow' },
    },
    types: { zip: 'string' },
  };
  const rest = { streams: [stream], checkpoint_records: 500, memory_limit: '1GB' };
  expect(await opened({ path: 'data/in', ...rest })).toEqual({
    path: join(directory, 'data/in'),
    ...rest,
  });
});

test.each([
  ['a delimiter of two characters', { csv: { delimiter: ';;' } }, '/streams/0/csv/delimiter'],
  ['a newline as delimiter', { csv: { delimiter: '\n' } }, '/streams/0/csv/delimiter'],
  ['an encoding whose letters hold delimiters', { csv: { encoding: 'utf-16le' } }, 'utf-8'],
  ['an unknown type', { types: { a: 'varchar' } }, '/streams/0/types/a'],
  ['a misspelt key', { globb: '*' }, '/streams/0/globb is unknown'],
])('%s is refused with its place', async (_, more, place) => {
  const config = { path: 'data', streams: [{ name: 's', glob: '*', ...more }] } as JsonObject;
  const error = await opened(config).catch((reason: SyncError) => reason);
  expect(error).toMatchObject({
    kind: 'config_error',
    place: expect.stringContaining(place) as string,
  });
});

test('a path outside of the directories of the worker is refused, by a link too', async () => {
  symlinkSync(tmpdir(), join(directory, 'data/out'));
  for (const path of ['.', '..', '/etc', 'data/out'])
    await expect(opened({ path })).rejects.toMatchObject({
      kind: 'config_error',
      message: 'A connector config names a path outside the directories that it may touch.',
    });
});
