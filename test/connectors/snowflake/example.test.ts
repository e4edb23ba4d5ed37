import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { snowflakeDestination } from '../../../connectors/snowflake/index.ts';
import type { JsonObject } from '../../../protocol/index.ts';
import { validateConfig } from '../../../worker/validate.ts';

const schema = snowflakeDestination.spec.connectionSpecification as JsonObject;
const validate = (config: JsonObject): void =>
  validateConfig(config, schema, { connector: 'snowflake', origin: 'destination' });

test('the example of the documentation is a config', () => {
  const page = readFileSync(new URL('../../../docs/connectors.md', import.meta.url), 'utf8');
  const [, section = ''] = page.split('\n### Snowflake\n');
  const [connectors, connection] = [...section.matchAll(/```yaml\n([^`]*)```/g)].map(
    ([, example]) => parse(example!) as JsonObject,
  );
  expect(connectors).toHaveProperty('connectors.snowflake.secrets');
  const { connector, config } = connection!['destination'] as JsonObject;
  expect(connector).toBe('snowflake');
  validate(config as JsonObject);
});

test.each<[what: string, change: JsonObject]>([
  ['two ways of logging in', { password: 'x' }],
  ['no way of logging in', { private_key: undefined as never }],
  ['neither account nor URL', { account: undefined as never }],
  [
    'a passphrase without its key',
    { private_key: undefined as never, password: 'x', private_key_passphrase: 'x' },
  ],
  ['a name that would need quotes', { schema: 'my schema' }],
])('%s is refused', (_, change) => {
  const config: JsonObject = {
    ...{ account: 'a', username: 'u', private_key: 'x', warehouse: 'W', database: 'D' },
    ...change,
  };
  const given = Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== undefined),
  );
  expect(() => validate(given as JsonObject)).toThrow();
});
