import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { settingsOf, type S3Config } from '../../../connectors/s3/destination/config.ts';
import { s3Destination } from '../../../connectors/s3/index.ts';
import type { JsonObject } from '../../../protocol/index.ts';
import { refuseAmbient } from '../../../worker/ambient.ts';
import { readConnectorsFile } from '../../../worker/connectors-file.ts';
import { createRedactor } from '../../../worker/redact.ts';
import { resolveSecrets } from '../../../worker/secrets.ts';
import { validateConfig } from '../../../worker/validate.ts';

const page = readFileSync(
  fileURLToPath(new URL('../../../docs/connectors.md', import.meta.url)),
  'utf8',
);
const section = page.slice(page.indexOf('\n### S3\n'), page.indexOf('\n### Other people'));
const examples = [...section.matchAll(/```yaml\n([^`]*)```/g)].map(([, text]) => text!);
const schema = s3Destination.spec.connectionSpecification as JsonObject;
const origin = 'destination' as const;

/** The entry that a connectors.yaml of this text has for S3. */
function entryIn(text: string) {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-example-'));
  writeFileSync(join(directory, 'connectors.yaml'), text);
  const file = readConnectorsFile(join(directory, 'connectors.yaml'), ['s3'], '/');
  rmSync(directory, { recursive: true });
  return { file, entry: file.entries.get('s3')! };
}

test('the example of the documentation is a config that the worker takes, with the connectors.yaml beside it', () => {
  const [connection, connectors] = examples;
  const { destination } = parse(connection!) as { destination: { config: JsonObject } };
  const { file, entry } = entryIn(connectors!);
  const environment = { LAKE_KEY: 'the-key', LAKE_SECRET: 'the-secret' };
  const redactor = createRedactor();
  const config = resolveSecrets(destination.config, schema, {
    ...{ entry, file, environment, redactor, origin },
  });
  validateConfig(config, schema, { connector: 's3', origin });
  refuseAmbient(config, schema, { entry, file, origin });
  expect(config).toMatchObject({ access_key_id: 'the-key', secret_access_key: 'the-secret' });
  expect(settingsOf(config as unknown as S3Config)).toMatchObject({
    ...{ prefix: 'shop/raw/', format: 'parquet', compression: 'zstd', extension: 'parquet' },
  });
});

test('the worker’s own credentials are for the bucket that the documentation binds them to', () => {
  const { entry, file } = entryIn(`connectors:\n  ${examples[2]!}`);
  const use = (config: JsonObject) => () => refuseAmbient(config, schema, { entry, file, origin });
  expect(use({ bucket: 'company-lake' })).not.toThrow();
  expect(use({ bucket: 'another' })).toThrow('bound');
  expect(use({ bucket: 'company-lake', endpoint: 'http://evil.example' })).toThrow('bound');
});

test.each<readonly [string, JsonObject]>([
  ['half a key', { access_key_id: 'x' }],
  ['a prefix with a slash at its end', { prefix: 'a/' }],
  ['an endpoint with a path', { endpoint: 'http://host/path' }],
])('%s is refused before anything is asked', (_, more) => {
  const config = { bucket: 'lake', ...more };
  expect(() => validateConfig(config, schema, { connector: 's3', origin })).toThrow();
});
