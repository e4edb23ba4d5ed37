import type { JsonObject } from '../../protocol/index.ts';
import { validateConfig } from '../../worker/validate.ts';
import { refusalOf, textOf } from './refusal.ts';

const as = { connector: 'shop', origin: 'source' } as const;
const mistakesOf = (config: JsonObject, schema: JsonObject): string =>
  refusalOf(() => validateConfig(config, schema, as)).place!;

const schema: JsonObject = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  required: ['url', 'mode'],
  additionalProperties: false,
  properties: {
    url: { type: 'string', airbyte_secret: true, pattern: '^postgres://', order: 0 },
    mode: { type: 'string', enum: ['xmin', 'cursor'] },
    port: { type: 'integer', minimum: 1, maximum: 65535 },
    start: { type: 'string', format: 'date' },
    odd: { type: 'string', format: 'never-heard-of' },
    auth: {
      oneOf: [
        {
          properties: { type: { const: 'key' }, key: { type: 'string' } },
          required: ['type', 'key'],
        },
        {
          properties: { type: { const: 'user' }, user: { type: 'string' } },
          required: ['type', 'user'],
        },
      ],
    },
  },
};
const good = { url: 'postgres://x', mode: 'xmin' };

test('what fits passes, with unknown keywords and formats', () => {
  validateConfig({ ...good, odd: 'x', auth: { type: 'key', key: 'k' } }, schema, as);
});

test('mistakes are listed by path with what is expected, never with the value', () => {
  const error = refusalOf(() =>
    validateConfig({ url: 'mysql://u:hunter22@h', port: 0, prot: 1, start: 'today' }, schema, as),
  );
  expect(error.origin).toBe('source');
  expect(error.place).toContain('shop: ');
  expect(error.place).toContain('/mode is missing');
  expect(error.place).toContain('/prot is unknown (Did you mean port?)');
  expect(error.place).toContain('/url must match pattern');
  expect(error.place).toContain('/port must be >= 1');
  expect(error.place).toContain('/start must match format "date"');
  expect(textOf(error)).not.toContain('hunter22');
  expect(textOf(error)).not.toContain('today');
});

test('an enum lists what is allowed', () => {
  expect(mistakesOf({ ...good, mode: 'cdc' }, schema)).toBe(
    'shop: /mode must be one of ["xmin","cursor"]',
  );
});

test('of a oneOf, only the branch that is meant is spoken of', () => {
  expect(mistakesOf({ ...good, auth: { type: 'user', user: 5 } }, schema)).toBe(
    'shop: /auth/user must be string',
  );
});

test('a oneOf that nothing fits still says so', () => {
  expect(mistakesOf({ ...good, auth: { type: 'none' } }, schema)).toContain('/auth');
});

test('many mistakes are cut', () => {
  const properties = Object.fromEntries(
    Array.from({ length: 15 }, (_, i) => [`p${i}`, { type: 'string' }]),
  );
  const config = Object.fromEntries(Object.keys(properties).map((key) => [key, 1]));
  expect(mistakesOf(config, { properties })).toContain('and 5 more');
});

test.each<JsonObject>([
  { properties: { a: { $ref: '#/nowhere' } } },
  { properties: { a: { pattern: '(' } } },
  { type: 'strange' },
])('a spec that cannot be used lets everything through: %j', (broken) => {
  validateConfig({ a: 1 }, broken, as);
});

test('a pattern that only engines without unicode rules read is used', () => {
  const old = { properties: { a: { type: 'string', pattern: '^[\\w\\-\\:]+$' } } };
  validateConfig({ a: 'x:y' }, old, as);
  expect(mistakesOf({ a: '!' }, old)).toContain('/a must match pattern');
});

test('two specs with one $id do not disturb each other', () => {
  for (const type of ['string', 'integer'])
    validateConfig(
      { a: type === 'string' ? 'x' : 1 },
      { $id: 'same', properties: { a: { type } } },
      as,
    );
});
