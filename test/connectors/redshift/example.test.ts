import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { copySql } from '../../../connectors/redshift/copy.ts';
import { redshiftDestination, type RedshiftConfig } from '../../../connectors/redshift/index.ts';
import { placeOf } from '../../../connectors/redshift/session.ts';
import type { JsonObject } from '../../../protocol/index.ts';
import { readConnectorsFile } from '../../../worker/connectors-file.ts';
import { createRedactor } from '../../../worker/redact.ts';
import { resolveSecrets } from '../../../worker/secrets.ts';
import { validateConfig } from '../../../worker/validate.ts';

const schema = redshiftDestination.spec.connectionSpecification as JsonObject;
const origin = 'destination' as const;

test('the example of the documentation is a config that the worker takes, with the connectors.yaml beside it', () => {
  const page = readFileSync(new URL('../../../docs/connectors.md', import.meta.url), 'utf8');
  const section = page.slice(page.indexOf('\n### Redshift\n'));
  const [connectors, connection] = [...section.matchAll(/```yaml\n([^`]*)```/g)].map(
    ([, text]) => text!,
  );
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-example-'));
  writeFileSync(join(directory, 'connectors.yaml'), connectors!);
  const file = readConnectorsFile(join(directory, 'connectors.yaml'), ['redshift'], '/');
  rmSync(directory, { recursive: true });
  const { destination } = parse(connection!) as { destination: { config: JsonObject } };
  const resolved = resolveSecrets(destination.config, schema, {
    ...{ entry: file.entries.get('redshift')!, file, redactor: createRedactor(), origin },
    environment: { REDSHIFT_PASSWORD: 'p', STAGE_KEY: 'the-key', STAGE_SECRET: 's' },
  });
  validateConfig(resolved, schema, { connector: 'redshift', origin });
  const config = resolved as unknown as RedshiftConfig;
  expect(placeOf(config)).toBe(
    'wg.123456789012.eu-central-1.redshift-serverless.amazonaws.com:5439/dev',
  );
  const sql = copySql(config, { table: 't', columns: ['a'], manifest: 's3://b/m' });
  expect(sql).toContain("IAM_ROLE 'arn:aws:iam::123456789012:role/tidemark-copy'");
  expect(sql).not.toContain('the-key');
});

test('a config without a way for Redshift to read the bucket, or without a server, is refused', () => {
  const check = (config: JsonObject) => () =>
    validateConfig(config, schema, { connector: 'redshift', origin });
  expect(check({ bucket: 'abc', url: 'postgres://h/d' })).toThrow();
  expect(check({ bucket: 'abc', iam_role: 'default' })).toThrow();
  expect(check({ bucket: 'abc', url: 'postgres://h/d', iam_role: 'default' })).not.toThrow();
});
