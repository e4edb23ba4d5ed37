import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openConnectorLog, readTail } from '../../worker/connector-log.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-log-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const limits = { fileBytesMax: 200_000, filesMax: 3, syncsMax: 2 };

function write(syncNo: number, lines: readonly string[], connection = 'shop'): void {
  const log = openConnectorLog({ directory, connection, syncNo }, limits);
  for (const line of lines) log.line('source', line);
  log.close();
}

test('keeps the last lines of the newest sync', () => {
  write(1, ['old']);
  write(2, ['one', 'two\nwith more', 'three\u001b[31m']);
  const tail = readTail(directory, 'shop', 3).split('\n');
  expect(tail[0]).toMatch(/^\d{4}-\S+ \[source\] two$/);
  expect(tail.slice(1)).toEqual(['  with more', expect.stringMatching(/ three\[31m$/)]);
  expect(readTail(directory, 'other', 3)).toBe('');
});

test('bounds the files of a sync, and the syncs of a connection', () => {
  for (const syncNo of [1, 2, 3]) write(syncNo, ['x']);
  const line = 'y'.repeat(1000);
  write(3, [...Array.from({ length: 2000 }, () => line), 'last']);
  const files = readdirSync(join(directory, 'shop'));
  expect(files.filter((name) => name.startsWith('sync-3.'))).toHaveLength(3);
  expect(files.some((name) => name.startsWith('sync-1.'))).toBe(false);
  for (const name of files) {
    const { size, mode } = statSync(join(directory, 'shop', name));
    expect(size).toBeLessThan(limits.fileBytesMax + 100_000);
    expect(mode & 0o777).toBe(0o600);
  }
  expect(readTail(directory, 'shop', 1)).toMatch(/ last$/);
});

test('several write into one log, line by line', () => {
  const place = { directory, connection: 'shop', syncNo: 1 };
  const [a, b] = [openConnectorLog(place, limits), openConnectorLog(place, limits)];
  for (let n = 0; n < 500; n += 1) {
    a.line('a', 'x'.repeat(500));
    b.line('b', 'y'.repeat(500));
  }
  a.close();
  b.close();
  const lines = readTail(directory, 'shop', 200).split('\n');
  expect(lines).toHaveLength(200);
  for (const line of lines) expect(line).toMatch(/\[(?:a\] x{500}|b\] y{500})$/);
});

test('a connection name never leads out of the directory', () => {
  write(1, ['x'], '../../up');
  write(1, ['x'], '..');
  expect(readdirSync(directory).sort()).toEqual(['%..', '..%2F..%2Fup']);
});
