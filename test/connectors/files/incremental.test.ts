import { appendFileSync, linkSync, renameSync, symlinkSync, unlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { FilesConfig } from '../../../connectors/files/index.ts';
import { earlierBytesMax } from '../../../connectors/kit/files-source/earlier.ts';
import { Progress, rememberedBytesMax } from '../../../connectors/kit/files-source/progress.ts';
import type { FoundFile } from '../../../connectors/kit/files-source/store.ts';
import { compress, failureOf, lastStates, openPlace, read, values, type Outcome } from './place.ts';

const first = 1_700_000_000;
let place: ReturnType<typeof openPlace>;
let config: FilesConfig;
beforeEach(() => {
  place = openPlace();
  config = { path: place.path, streams: [{ name: 's', glob: '**' }] };
});
afterEach(() => place.drop());

const ids = (outcome: Outcome): unknown[] => values(outcome).map(({ id }) => id);
const line = (id: number): string => `{"id":${id}}\n`;
/** Reads what is new, from the last states of the read before. */
async function next(before: Outcome, more: Partial<FilesConfig> = {}): Promise<Outcome> {
  return read({ ...config, ...more }, { state: lastStates(before.states) });
}

test('files are read by modification time, then name', async () => {
  place.write('c.jsonl', line(1), first);
  place.write('b.jsonl', line(3), first + 1);
  place.write('a.jsonl', line(2), first + 1);
  expect(ids(await read(config))).toEqual([1, 2, 3]);
});

test('the next sync reads new files only, also those that arrive late with an older time', async () => {
  place.write('b.jsonl', line(1), first);
  const one = await read(config);
  place.write('c.jsonl', line(2), first + 5);
  place.write('a.jsonl', line(3), first - 1_000);
  place.write('a2.jsonl', line(4), first);
  const two = await next(one);
  expect(ids(two)).toEqual([3, 4, 2]);
  const three = await next(two);
  expect(ids(three)).toEqual([]);
  // An empty read tells a state too.
  expect(three.states).toHaveLength(1);
  expect(three.end).toMatchObject({ failure: null, statuses: { s: 'COMPLETE' } });
});

test('a full refresh without a state reads everything again', async () => {
  place.write('a.jsonl', line(1));
  await read(config);
  const again = await read(config, { mode: 'full_refresh' });
  expect(ids(again)).toEqual([1]);
  expect(again.states).toHaveLength(1);
});

test.each(['none', 'gzip'] as const)(
  'a file that grew goes on at its old end, compression %s',
  async (how) => {
    place.write('a.jsonl', compress(line(1), how), first);
    const one = await read(config);
    place.write('a.jsonl', compress(line(1) + line(2), how), first + 1);
    const two = await next(one);
    expect(ids(two)).toEqual([2]);
    place.write('a.jsonl', compress(line(1) + line(2) + line(3), how), first + 2);
    expect(ids(await next(two))).toEqual([3]);
  },
);

test('a CSV file that had only a header, or nothing, goes on with its records', async () => {
  place.write('a.csv', 'id,name', first);
  place.write('b.csv', '', first);
  const one = await read(config);
  expect(one.end!.failure).toBeNull();
  expect(ids(one)).toEqual([]);
  place.write('a.csv', 'id,name\n1,x\n', first + 1);
  place.write('b.csv', 'id,name\n2,y\n', first + 1);
  expect(ids(await next(one))).toEqual([1, 2]);
});

test('a file whose beginning changed is read again, one that was only touched is not', async () => {
  place.write('a.jsonl', line(1) + line(2), first);
  place.write('b.jsonl', line(3), first);
  const one = await read(config);
  place.write('a.jsonl', line(1) + line(9), first + 1);
  utimesSync(join(place.path, 'b.jsonl'), first + 1, first + 1);
  expect(ids(await next(one))).toEqual([1, 9]);
});

test('a change in the middle of a large file is found, whatever stands at its ends', async () => {
  const lines = Array.from(
    { length: 30_000 },
    (_, i) => `{"id":${i + 1_000_000},"pad":"${'x'.repeat(90)}"}\n`,
  );
  place.write('a.jsonl', lines.join(''), first);
  const one = await read(config);
  lines[15_000] = lines[15_000]!.replace('1015000', '9999999');
  place.write('a.jsonl', lines.join('') + line(1), first + 1);
  expect(ids(await next(one))).toHaveLength(30_001);
});

test('a file that changed while it was read only in part goes on where that part is the same, else from its start', async () => {
  place.write('a.jsonl', [1, 2, 3, 4].map(line).join(''), first);
  const cut = await read({ ...config, checkpoint_records: 2 }, { statesMax: 1 });
  expect(ids(cut)).toEqual([1, 2]);
  place.write('a.jsonl', [1, 2, 3, 4, 5].map(line).join(''), first + 1);
  expect(ids(await next(cut))).toEqual([3, 4, 5]);
  place.write('a.jsonl', [1, 7, 3, 4, 5].map(line).join(''), first + 2);
  expect(ids(await next(cut))).toEqual([1, 7, 3, 4, 5]);
});

test('a file that was replaced within the same time and size is found by what stands before the place', async () => {
  place.write('a.jsonl', [1, 2, 3].map(line).join(''), first);
  const cut = await read({ ...config, checkpoint_records: 2 }, { statesMax: 1 });
  place.write('a.jsonl', [8, 2, 3].map(line).join(''), first);
  expect(ids(await next(cut))).toEqual([8, 2, 3]);
});

test('a Parquet file that was written anew is read again', async () => {
  const write = (rows: number): Promise<void> =>
    place.sql(`COPY (SELECT range AS id FROM range(${rows})) TO '$/a.parquet' (FORMAT parquet)`);
  await write(3);
  const one = await read(config);
  expect(ids(one)).toEqual([0, 1, 2]);
  utimesSync(join(place.path, 'a.parquet'), first, first);
  expect(ids(await next(one))).toEqual([]);
  await write(2);
  expect(ids(await next(one))).toEqual([0, 1]);
});

test('half a last line that was taken for a whole one is told once it goes on', async () => {
  place.write('a.csv', 'id,name\n1,al', first);
  const one = await read(config);
  expect(values(one)).toEqual([{ id: 1, name: 'al' }]);
  place.write('a.csv', 'id,name\n1,alice\n2,bob\n', first + 1);
  const failure = failureOf(await next(one));
  expect(failure).toMatchObject({ kind: 'config_error', stream: 's' });
  expect(failure.message).toBe('The last line of a file was read before it was whole.');
  expect(failure.place).toBe('a.csv:2');
  place.write('a.csv', 'id,name\r\n1,al\r\n2,bob\r\n', first + 1);
  expect(ids(await next(one))).toEqual([1, 2]);
});

test('a file that vanishes half-read is told once, then the sync goes on without its rest', async () => {
  place.write('a.jsonl', [1, 2, 3].map(line).join(''), first);
  place.write('b.jsonl', line(4), first + 1);
  const cut = await read({ ...config, checkpoint_records: 2 }, { statesMax: 1 });
  unlinkSync(join(place.path, 'a.jsonl'));
  const two = await next(cut);
  expect(failureOf(two)).toMatchObject({
    kind: 'config_error',
    message: 'A file is gone that was read only in part.',
    place: 'a.jsonl',
  });
  expect(ids(await next(two))).toEqual([4]);
});

test('streams whose files were all taken away stay, and read nothing', async () => {
  place.write('a.jsonl', line(1), first);
  const one = await read(config);
  unlinkSync(join(place.path, 'a.jsonl'));
  const two = await next(one);
  expect(two.end).toMatchObject({ failure: null, statuses: { s: 'COMPLETE' } });
});

test('a file under two names is read once where one is a link to the other', async () => {
  place.write('z.jsonl', line(1), first);
  // Some are listed before it, some after it.
  for (const name of ['a', 'm', 'x', 'zz', 'b1', 'q7', '0'])
    symlinkSync('z.jsonl', join(place.path, `${name}.jsonl`));
  const { records } = await read(config);
  expect(records).toHaveLength(1);
  expect(records[0]).toContain('"_ab_source_file_url":"z.jsonl"');
  // A second true name is another file.
  linkSync(join(place.path, 'z.jsonl'), join(place.path, 'y.jsonl'));
  expect(ids(await read(config))).toEqual([1, 1]);
});

describe('a file that changes while it is read', () => {
  const many = Array.from({ length: 20_000 }, (_, i) => line(i)).join('');
  const during = async (change: () => void): Promise<Outcome> => {
    let changed = false;
    return read(
      { ...config, checkpoint_records: 5_000 },
      {
        on(item) {
          if (item.type !== 'STATE' || changed) return;
          changed = true;
          change();
        },
        catalog: { streams: [{ name: 's', json_schema: {} }] },
      },
    ).finally(() => expect(changed).toBe(true));
  };

  test('lines appended to it wait for the next sync', async () => {
    place.write('a.jsonl', many, first);
    const one = await during(() => appendFileSync(join(place.path, 'a.jsonl'), line(77)));
    expect(one.end!.failure).toBeNull();
    expect(one.records).toHaveLength(20_000);
    expect(ids(await next(one))).toEqual([77]);
  });

  test('one that is replaced by another is read to its end, then the other', async () => {
    place.write('a.jsonl', many, first);
    place.write('.new', line(1), first + 1);
    const one = await during(() =>
      renameSync(join(place.path, '.new'), join(place.path, 'a.jsonl')),
    );
    expect(one.end!.failure).toBeNull();
    expect(one.records).toHaveLength(20_000);
    expect(ids(await next(one))).toEqual([1]);
  });

  // Longer than what is read ahead.
  const padded = many + many.replaceAll('"id"', '"padding-padding-padding"');

  test.each([
    ['is cut', line(1)],
    ['is written over', padded.replace('{"id":0}', '{"id":7}')],
  ])('one that %s fails the attempt, and the next reads it anew', async (_, content) => {
    place.write('a.jsonl', padded, first);
    const one = await during(() => place.write('a.jsonl', content, first + 1));
    const failure = failureOf(one);
    expect(failure).toMatchObject({ kind: 'transient_error', stream: 's' });
    expect(failure.message).toMatch(/^A file (became shorter|changed) while it was read\.$/);
    expect(failure.place).toContain('a.jsonl');
    expect(one.end!.statuses).toEqual({ s: 'INCOMPLETE' });
    const two = await next(one);
    expect(two.end!.failure).toBeNull();
    expect(two.records).toHaveLength(content.split('\n').length - 1);
  });

  test('a compressed one fails the attempt', async () => {
    place.write('a.jsonl', compress(many, 'gzip'), first);
    const one = await during(() => utimesSync(join(place.path, 'a.jsonl'), first + 1, first + 1));
    expect(failureOf(one).message).toBe('A file changed while it was read.');
  });
});

test('a state stays small however many files there are, and none is read twice', async () => {
  for (let i = 0; i < 1_500; i += 1)
    place.write(`file-with-a-rather-long-name-${i}.jsonl`, line(i), first + (i >> 8));
  const one = await read(config);
  expect(one.records).toHaveLength(1_500);
  const bytes = Math.max(...one.states.map(({ state }) => JSON.stringify(state).length));
  expect(bytes).toBeLessThan(rememberedBytesMax + earlierBytesMax / 2);
  expect(bytes).toBeGreaterThan(rememberedBytesMax);
  // Cut anywhere, it goes on right there.
  for (const at of [100, 700, 1_499]) {
    const rest = await read(config, { state: lastStates([one.states[at]!]) });
    expect(rest.records).toEqual(one.records.slice(at + 1));
  }
  place.write('late.jsonl', line(9_999), first + 5);
  expect(ids(await next(one))).toEqual([9_999]);
});

const position = { at: 1, lines: 1, chain: '', hash: 'x'.repeat(16) };
const file = (name: string, modified: number, version?: string): FoundFile => ({
  ...{ name, size: 1, modified: BigInt(modified), version },
  open: () => Promise.reject(new Error('Nothing is opened here.')),
});
const named = (progress: Progress, files: readonly FoundFile[]): string[] =>
  new Progress(JSON.parse(JSON.stringify(progress.state())), 's')
    .pending(files)
    .map((one) => one.file.name);

test('of all the files that there were a state stays small, and what is put later at the time of the newest is found', () => {
  const progress = new Progress(undefined, 's');
  // Seconds of S3, in each of which thousands of objects are put; more than are remembered.
  const files = Array.from({ length: 6_000 }, (_, i) =>
    file(`part-${String(i * 2).padStart(6, '0')}`, Math.floor(i / 3_000), `etag-${i}`),
  );
  progress.pending(files);
  for (const one of files) progress.finish(one, one, position);
  const bytes = JSON.stringify(progress.state()).length;
  expect(bytes).toBeLessThan(rememberedBytesMax + earlierBytesMax + 2_048);
  expect(named(progress, files)).toEqual([]);
  const newest = Number(files.at(-1)!.modified);
  // Below all names that the second had, and between them.
  const late = [file('a', newest, 'new'), file('part-009001', newest, 'new')];
  const changed = file(files.at(-1_000)!.name, newest, 'other');
  expect(named(progress, [...files, ...late, changed])).toEqual([
    ...['a', 'part-009001', changed.name],
  ]);
  // What is older than all that is remembered counts as finished.
  expect(named(progress, [file('old', 0, 'new')])).toEqual([]);
});

test('an object is the one that was read by its version, whatever its time', () => {
  const progress = new Progress(undefined, 's');
  progress.finish(file('a', 5, 'one'), file('a', 5, 'one'), position);
  expect(named(progress, [file('a', 9, 'one')])).toEqual([]);
  expect(named(progress, [file('a', 5, 'two')])).toEqual(['a']);
});

test('what is remembered never makes room by forgetting that older files are unread', () => {
  const progress = new Progress(undefined, 's');
  const isFull = (): boolean => 'floor' in progress.state();
  const before: FoundFile[] = [];
  const hashes = (): number =>
    ((progress.state()['earlier'] ?? []) as string[][]).reduce(
      (sum, block) => sum + block[2]!.length,
      0,
    );
  for (let i = 0; i < 4_000 || hashes() < earlierBytesMax; i += 1) {
    before.push(file(`done-${i}`, 1_000 + i));
    progress.finish(before[i]!, before[i]!, position);
  }
  expect(isFull()).toBe(false);
  const current = file('current'.padEnd(200, '-'), 50_000);
  progress.reach(current, current, position);
  const late = [file('late-a', 10), file('late-b', 11)];
  const files = [...late, ...before, current];
  expect(progress.pending(files).map((one) => one.file.name)).toEqual([
    ...[current.name, 'late-a', 'late-b'],
  ]);
  progress.finish(current, current, position);
  expect(named(progress, files)).toEqual(['late-a', 'late-b']);
  for (const one of late) progress.finish(one, one, position);
  expect(isFull()).toBe(true);
  expect(named(progress, files)).toEqual([]);
});

test('a state of another source is refused', () => {
  expect(() => new Progress({ cursor: 5 }, 's')).toThrow('not one of a source of files');
  expect(() => new Progress({ version: 1, read: [['a', 1]] }, 's')).toThrow();
});
