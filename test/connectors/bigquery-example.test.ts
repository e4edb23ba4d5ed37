import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { bigqueryDestination } from '../../connectors/bigquery/index.ts';
import type { JsonObject } from '../../protocol/index.ts';
import { validateConfig } from '../../worker/validate.ts';

const schema = bigqueryDestination.spec.connectionSpecification as JsonObject;
const validate = (config: JsonObject): void =>
  validateConfig(config, schema, { connector: 'bigquery', origin: 'destination' });

test('the example of the documentation is a config', () => {
  const page = readFileSync(new URL('../../docs/connectors.md', import.meta.url), 'utf8');
  const [, section = ''] = page.split('\n### BigQuery\n');
  const [connectors, connection] = [...section.matchAll(/```yaml\n([^`]*)```/g)].map(
    ([, example]) => parse(example!) as JsonObject,
  );
  expect(connectors).toHaveProperty('connectors.bigquery.secrets');
  const { connector, config } = connection!['destination'] as JsonObject;
  expect(connector).toBe('bigquery');
  validate(config as JsonObject);
});

test.each<[what: string, change: JsonObject]>([
  ['a prefix without a bucket', { staging_prefix: 'a' }],
  ['a prefix that ends in a slash', { staging_bucket: 'stage', staging_prefix: 'a/' }],
  ['a prefix with a wildcard', { staging_bucket: 'stage', staging_prefix: 'a*' }],
  ['an address as a bucket', { staging_bucket: 'gs://stage' }],
])('%s is refused', (_, change) => {
  const config = { project: 'shop', dataset: 'raw' };
  validate({ ...config, staging_bucket: 'stage', staging_prefix: 'a/b.c' });
  expect(() => validate({ ...config, ...change })).toThrow();
});
