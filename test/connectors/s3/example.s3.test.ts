import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { settingsOf, type S3Config } from '../../../connectors/s3/destination/config.ts';
import { s3Destination, s3Source, type S3SourceConfig } from '../../../connectors/s3/index.ts';
import type { JsonObject } from '../../../protocol/index.ts';
import { refuseAmbient } from '../../../worker/ambient.ts';
import { readConnectorsFile } from '../../../worker/connectors-file.ts';
import { createRedactor } from '../../../worker/redact.ts';
import { resolveSecrets } from '../../../worker/secrets.ts';
import { validateConfig } from '../../../worker/validate.ts';
import { openBucket } from '../../support/s3-bucket.ts';
import { workerKey } from '../../support/s3-server.ts';
import { configured, openPlace } from '../files/place.ts';
import { never } from '../harness.ts';

const page = readFileSync(
  fileURLToPath(new URL('../../../docs/connectors.md', import.meta.url)),
  'utf8',
);
/** The examples between two headings. */
function examplesIn(heading: string, next: string): readonly string[] {
  const section = page.slice(page.indexOf(`\n### ${heading}\n`), page.indexOf(`\n### ${next}`));
  return [...section.matchAll(/```yaml\n([^`]*)```/g)].map(([, text]) => text!);
}
const examples = examplesIn('S3', 'Other people');
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

interface Line {
  readonly record: { readonly stream: string; readonly data: { readonly id: number } };
}

test('the example of the source is a config that the worker takes, and reads what lies where it says', async () => {
  const [connection, connectors] = examplesIn('S3 as a source', 'Postgres as a source');
  const { source } = parse(connection!) as { source: { config: JsonObject } };
  const { file, entry } = entryIn(connectors!);
  const environment = { EXPORTS_KEY: workerKey.id, EXPORTS_SECRET: workerKey.secret };
  const given = s3Source.spec.connectionSpecification as JsonObject;
  const resolved = resolveSecrets(source.config, given, {
    ...{ entry, file, environment, redactor: createRedactor(), origin: 'source' },
  });
  validateConfig(resolved, given, { connector: 's3', origin: 'source' });
  const example = resolved as unknown as S3SourceConfig;
  const bucket = await openBucket({ bucket: example.bucket, prefix: example.prefix! });
  const config: S3SourceConfig = { ...example, endpoint: bucket.config.endpoint! };
  const place = openPlace();
  try {
    const write = async (path: string, id: number): Promise<void> => {
      await place.sql(`COPY (SELECT ${id} AS id) TO '$/one.parquet' (FORMAT parquet)`);
      await bucket.put(path, readFileSync(join(place.path, 'one.parquet')));
    };
    await write('orders/2025-12/a.parquet', 1);
    await write('orders/2026-01/a.parquet', 2);
    await write('orders/2026-01/31/a.parquet', 3);
    await s3Source.check(config, never);
    const catalog = await s3Source.discover(config, never);
    let text = '';
    for await (const item of s3Source.read({
      ...{ config, catalog: configured(catalog, 'incremental'), state: [] },
      ...{ accepts: () => ['jsonl'], drain: never, abort: never },
      checkpoints: { async *[Symbol.asyncIterator]() {} },
    }))
      if (item.type === 'BLOCK') text += Buffer.from(item.bytes).toString();
    const records = text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
    const read = records.map(({ record: { stream, data } }) => `${stream} ${data.id}`);
    expect(read.toSorted((a, b) => a.localeCompare(b))).toEqual(['orders 2', 'orders 3']);
  } finally {
    place.drop();
    bucket.close();
  }
});

test.each<readonly [string, JsonObject]>([
  ['half a key', { access_key_id: 'x' }],
  ['a prefix with a slash at its end', { prefix: 'a/' }],
  ['an endpoint with a path', { endpoint: 'http://host/path' }],
])('%s is refused before anything is asked', (_, more) => {
  const config = { bucket: 'lake', ...more };
  expect(() => validateConfig(config, schema, { connector: 's3', origin })).toThrow();
});
