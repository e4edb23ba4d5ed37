import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { complaints, complaintsPart, kinds } from './complaints.ts';

const tree = fileURLToPath(new URL('../../', import.meta.url));
const page = fileURLToPath(new URL('../../../docs/reliability.md', import.meta.url));

const sources = readdirSync(tree, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.includes('reliability'))
  .map((name) => readFileSync(join(tree, name), 'utf8'));

test.each(complaints.flatMap(({ tests }) => tests))('the test named is there: %p', (name) => {
  // As a whole literal: a part of a name is not a name.
  const literals = [`'${name}'`, `\`${name}\``, `"${name}"`];
  expect(sources.some((text) => literals.some((literal) => text.includes(literal)))).toBe(true);
});

test('each kind of complaint has its answers, and each answer a test', () => {
  expect(new Set(complaints.map(({ kind }) => kind))).toEqual(new Set(Object.keys(kinds)));
  for (const { tests } of complaints) expect(tests.length).toBeGreaterThan(0);
});

test('the published page tells what is answered today', () => {
  expect(readFileSync(page, 'utf8')).toContain(complaintsPart());
});
