import { soakPartIn, soakPartOf, withSoakPart } from './soak-part.ts';

const part = (seed: number): string =>
  soakPartOf({
    ...{ seed, startedAt: new Date('2026-03-01T10:00:00Z'), minutes: 60 },
    versions: { Tidemark: 'commit abc' },
    findings: [{ what: '60 min, files', facts: { syncs: 400, lost: 0 }, broken: ['$& grows'] }],
  });

test('a part tells when, on what, how to repeat it, and what it found', () => {
  for (const text of [
    '2026-03-01, 60 minutes',
    '| Tidemark | commit abc |',
    '--seed 7',
    '| 400',
    '$& grows',
  ])
    expect(part(7)).toContain(text);
});

test('it takes the place of the one before, and only of that', () => {
  const page = `above\n\n${soakPartIn('')}\n\nbelow\n`;
  expect(page).toContain('Not run');
  const first = withSoakPart(page, part(7));
  expect(first).toBe(`above\n\n${part(7)}\n\nbelow\n`);
  expect(withSoakPart(first, part(8))).toBe(`above\n\n${part(8)}\n\nbelow\n`);
  expect(soakPartIn(first)).toBe(part(7));
});

test('a page without a place for it is refused', () => {
  expect(() => withSoakPart('another page', part(7))).toThrow('Publish the matrix first');
});
