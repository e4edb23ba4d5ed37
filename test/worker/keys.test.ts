import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { loadConfig } from '../../worker/config.ts';
import { readKeys } from '../../worker/key-settings.ts';
import { createKeyRing } from '../../worker/keys.ts';
import { refusalOf, textOf } from './refusal.ts';

const newKey = (): string => randomBytes(32).toString('base64');
const [one, other] = [newKey(), newKey()];
const bound = ['uuid-1', 'source', 'crm'];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-keys-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const load = (env: Record<string, string>) =>
  loadConfig({ TEMPORAL_CONFIG_FILE: '/no/such/temporal.toml', ...env }, directory);

test('what one worker seals every worker with the key opens, and each text is another', () => {
  const [first, second] = [createKeyRing([one]), createKeyRing([one])];
  const sealed = first.seal('a token', bound);
  expect(second.open(sealed.text, bound, 'here')).toBe('a token');
  expect(sealed.text).toMatch(new RegExp(`^tidemark1:${sealed.keyId}:`));
  expect(sealed.text).not.toContain('a token');
  expect(first.seal('a token', bound).text).not.toBe(sealed.text);
});

test.each([
  ['another connection', ['uuid-2', 'source', 'crm']],
  ['the other end', ['uuid-1', 'destination', 'crm']],
  ['another connector', ['uuid-1', 'source', 'erp']],
])('a text that was copied to %s opens nothing there', (_, elsewhere) => {
  const ring = createKeyRing([one]);
  const { text } = ring.seal('a token', bound);
  const error = refusalOf(() => ring.open(text, elsewhere, 'orders source crm'));
  expect(error).toMatchObject({ kind: 'config_error', place: 'orders source crm' });
  expect(textOf(error)).not.toContain('a token');
});

test.each([
  ['cut', (text: string) => text.slice(0, -2)],
  [
    'changed',
    (text: string) => text.slice(0, -6) + (text.at(-6) === 'A' ? 'B' : 'A') + text.slice(-5),
  ],
  ['cut to nothing', (text: string) => text.split(':').slice(0, 2).join(':')],
  ['of another version', (text: string) => text.replace('tidemark1', 'tidemark2')],
  ['no such text', () => '{}'],
])('a text that is %s is refused as one that cannot be read', (_, spoil) => {
  const ring = createKeyRing([one]);
  const { text } = ring.seal('a token', bound);
  expect(refusalOf(() => ring.open(spoil(text), bound, 'here')).message).toContain(
    'cannot be read',
  );
});

test('the first key encrypts, all decrypt, and a missing one is named with the remedy', () => {
  const { keyId, text } = createKeyRing([one]).seal('a token', bound);
  const both = createKeyRing([other, one]);
  expect(both.open(text, bound, 'here')).toBe('a token');
  expect(both.ids).toEqual([both.seal('x', bound).keyId, keyId]);
  const error = refusalOf(() => createKeyRing([other]).open(text, bound, 'here'));
  expect(error).toMatchObject({ kind: 'config_error', facts: { keyId } });
  expect(error.place).toContain(`key ${keyId}; this worker has ${both.ids[0]}`);
  expect(error.remedy).toContain('TIDEMARK_KEY');
  expect(textOf(refusalOf(() => createKeyRing([]).open(text, bound, 'here')))).toContain(
    'has none',
  );
});

test('nothing that prints the keys shows them', () => {
  const config = load({ TIDEMARK_KEY: one });
  const shown = inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config);
  expect(shown).toContain(config.keys.ids[0]);
  expect(shown).not.toContain(one);
  expect(shown).not.toContain(Buffer.from(one, 'base64').toString('hex'));
  const masked: string[] = [];
  config.keys.mask((secret) => masked.push(secret));
  expect(masked).toEqual([one]);
});

test('keys come from the variable, else from the file, and no connector can be given them', () => {
  const file = join(directory, 'keys');
  writeFileSync(file, `# since March\n${other}   # encrypts\n\n${one}\n`);
  const ids = [other, one].map((key) => createKeyRing([key]).ids[0]);
  expect(load({ TIDEMARK_KEY_FILE: file }).keys.ids).toEqual(ids);
  writeFileSync(join(directory, 'tidemark.yaml'), 'key_file: ./keys\n');
  expect(load({}).keys.ids).toEqual(ids);
  const config = load({ TIDEMARK_KEY: `${one}, ${other}` });
  expect(config.keys.ids).toEqual(ids.toReversed());
  expect(config.environment['TIDEMARK_KEY']).toBeUndefined();
  expect(config.warnings).toEqual([]);
});

test('a key that is none is refused by its place, and not shown', () => {
  const bad = `${one} ${one.slice(4)}`;
  const error = refusalOf(() => load({ TIDEMARK_KEY: bad }));
  expect(error).toMatchObject({ kind: 'config_error', place: 'TIDEMARK_KEY, key 2' });
  expect(error.remedy).toContain('openssl rand -base64 32');
  expect(textOf(error)).not.toContain(one.slice(4));
  const file = join(directory, 'keys');
  expect(refusalOf(() => readKeys('', file)).place).toContain('ENOENT');
  writeFileSync(file, '# none yet\n');
  expect(refusalOf(() => readKeys(undefined, file)).place).toContain('holds none');
  writeFileSync(file, 'hunter22\n');
  expect(textOf(refusalOf(() => readKeys(undefined, file)))).not.toContain('hunter22');
});
