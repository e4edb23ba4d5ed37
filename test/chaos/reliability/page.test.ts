import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { houseRoot, startProcess } from '../../support/processes.ts';
import { destinations } from '../matrix/cells.ts';
import type { Figures } from '../matrix/figures.ts';
import { jobCalled } from '../matrix/jobs.ts';
import type { Measured } from '../matrix/matrix.ts';
import { complaintsPart } from './complaints.ts';
import { pageOf, type Run } from './page.ts';

const figures: Figures = {
  ...{ lost: 0, twice: 0, readAgain: 400, readAgainOfBefore: 250 },
  ...{ attachedMs: 5_400, checkpointMs: 5_500, attempts: 2 },
};
const measured = (id: string, change: Partial<Figures>, broken: string[] = []): Measured => ({
  ...{ job: jobCalled(id, 1), figures: { ...figures, ...change }, broken },
});
const run: Run = {
  ...{ seed: 77, startedAt: new Date('2026-03-01T10:00:00Z'), minutes: 13.4, mayMount: true },
  soak: 'what the soak found',
  versions: { Tidemark: 'commit abc', Postgres: '15.1' },
  measured: [
    measured('kill-worker-mid-postgres', {}),
    measured('kill-worker-mid-duckdb', { attachedMs: 7_300, lost: 3 }, ['3 records lost']),
    measured('term-worker-mid-files', { attachedMs: null }),
    measured('kill-destination-mid-program', { twice: 40 }),
  ],
};
const rowOf = (page: string, text: string): string =>
  page.split('\n').find((line) => line.startsWith('|') && line.includes(text))!;

test('a page tells when, on what and how to repeat it', () => {
  const page = pageOf(run);
  for (const text of ['2026-03-01, 13 minutes', '| Tidemark | commit abc |', '--seed 77', '3 of 4'])
    expect(page).toContain(text);
  expect(page).toContain(complaintsPart());
  expect(page).toContain('## Soak\n\nwhat the soak found');
});

test('each cell has its figures, and a broken one says what broke', () => {
  const page = pageOf(run);
  expect(rowOf(page, '`kill-worker-mid-postgres`')).toBe(
    '| SIGKILL | worker | mid-stream | Postgres | 0 | 0 | 400 | 0.5 | 5.4 s | 5.5 s | 2 | kept | `kill-worker-mid-postgres` |',
  );
  expect(rowOf(page, '`kill-worker-mid-duckdb`')).toContain('**BROKEN**: 3 records lost');
  expect(rowOf(page, '`term-worker-mid-files`')).toContain('went on');
});

test('by promise the worst of the cells that it is about', () => {
  const page = pageOf(run);
  expect(rowOf(page, 'no record is lost')).toMatch(/\| 3 \| 4 \|$/);
  expect(rowOf(page, 'written twice into Postgres')).toMatch(/\| 0 \| 3 \|$/);
  expect(rowOf(page, 'a program as destination')).toMatch(/\| 40 \| 1 \|$/);
  expect(rowOf(page, 'a process that is killed')).toMatch(/\| 7\.3 s \| 3 \|$/);
  expect(rowOf(page, 'a worker that drains')).toMatch(/\|  \| 0 \|$/);
});

test('what no cell wrote into is said to be not run', () => {
  expect(pageOf(run)).toContain('**Not run yet: cells into MySQL, S3.**');
  const more = ['kill-worker-mid-mysql', 'kill-worker-mid-s3'].map((id) => measured(id, {}));
  expect(pageOf({ ...run, measured: [...run.measured, ...more] })).not.toContain('Not run');
});

test.each(Object.values(destinations))(
  'the published page has cells into each destination, or says that they were not run (%s)',
  (destination) => {
    const page = readFileSync(join(houseRoot(), 'docs/reliability.md'), 'utf8');
    const [, missing = ''] = /\*\*Not run yet: cells into (.*)\.\*\*/.exec(page) ?? [];
    expect(page.includes(` | ${destination} | 0 | `)).toBe(
      !missing.split(', ').includes(destination),
    );
  },
);

test('what could not be struck is said', () => {
  expect(pageOf(run)).not.toContain('In this run also');
  expect(pageOf({ ...run, mayMount: false })).toContain('In this run also');
});

test.each([
  ['--cell', 'kill-worker-mid-postgres'],
  ['--only', 'kills'],
])('a part of the cells is never published: %s %s', async (...part) => {
  const args = ['--publish', ...part];
  const chaos = startProcess({
    ...{ program: 'test/chaos/chaos.js', args, directory: tmpdir(), env: {} },
  });
  expect(await chaos.exited).toBe(1);
  expect(chaos.said()).toContain('only of the whole matrix');
});
