import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { filesSource } from '../../../connectors/files/index.ts';
import { compress, configured, lastStates, never, openPlace, read, type Place } from './place.ts';

let place: Place;
beforeEach(() => {
  place = openPlace();
});
afterEach(() => place.drop());

const rows = 50_000;
const lines = Array.from({ length: rows }, (_, i) => `{"id":${i}}\n`).join('');

/** Files below the place that this process holds open. */
const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(place.path) ? [target] : [];
    } catch {
      return []; // the one that listed them
    }
  });

describe.each(['none', 'gzip', 'zstd', 'parquet'] as const)('%s', (how) => {
  beforeEach(async () => {
    place.write('z/later.jsonl', '{"id":1}\n');
    if (how !== 'parquet') return place.write('a/s.jsonl', compress(lines, how));
    place.write('a/.keep', '');
    return place.sql(
      `COPY (SELECT range AS id FROM range(${rows})) TO '$/a/s.parquet' (FORMAT parquet)`,
    );
  });

  test('a drain ends soon, after a state that covers all, and the next read goes on there', async () => {
    const drain = new AbortController();
    let blocks = 0;
    const one = await read(
      { path: place.path, checkpoint_records: 1_000_000 },
      {
        drain: drain.signal,
        on(item) {
          if (item.type === 'BLOCK' && (blocks += 1) === 2) drain.abort();
        },
      },
    );
    expect(one.end).toMatchObject({ failure: null, drained: true });
    expect(one.end!.statuses['a' as never]).toBe('RUNNING');
    expect(one.records.length).toBeLessThan(rows / 2);
    expect(one.states).toHaveLength(1);
    expect(one.items.slice(-2).map(({ type }) => type)).toEqual(['STATE', 'END']);
    const two = await read({ path: place.path }, { state: lastStates(one.states) });
    expect(one.records.length + two.records.length).toBe(rows + 1);
    expect(two.records[0]).toContain(`{"id":${one.records.length},`);
    expect(openFiles()).toEqual([]);
  });

  test('an abort ends at once, as a failure, and nothing is left open', async () => {
    const abort = new AbortController();
    const one = await read(
      { path: place.path },
      {
        abort: abort.signal,
        on(item) {
          if (item.type === 'BLOCK') abort.abort();
        },
      },
    );
    expect(one.items.filter(({ type }) => type === 'BLOCK')).toHaveLength(1);
    expect(one.end).toMatchObject({ failure: { code: 'aborted' }, drained: false });
    expect(openFiles()).toEqual([]);
  });

  test('a reader that goes away early leaves nothing open', async () => {
    await read({ path: place.path, checkpoint_records: 10 }, { statesMax: 1 });
    expect(openFiles()).toEqual([]);
  });
});

test('a drain before it began reads nothing', async () => {
  place.write('s.jsonl', lines);
  const drain = AbortSignal.abort();
  const { end, records } = await read({ path: place.path }, { drain });
  expect([end!.drained, end!.failure, records]).toEqual([true, null, []]);
});

test('tells how each stream goes', async () => {
  place.write('a.jsonl', lines);
  place.write('b.csv', 'id\n');
  const { items } = await read({ path: place.path });
  const told = items.flatMap((item) => {
    if (item.type === 'TRACE') {
      const { stream_descriptor, status } = item.trace.stream_status!;
      return [`${stream_descriptor.name} ${status}`];
    }
    return item.type === 'BLOCK' ? [] : [item.type];
  });
  const states = Array.from({ length: rows / 10_000 }, () => 'STATE');
  expect(told).toEqual([
    ...['a STARTED', 'a RUNNING', ...states, 'STATE', 'a COMPLETE'],
    ...['b STARTED', 'STATE', 'b COMPLETE', 'END'],
  ]);
});

test.each(['none', 'gzip', 'zstd'] as const)(
  'waits for whoever takes its blocks: little is read ahead of a slow one (%s)',
  async (how) => {
    // Not to be compressed, so that there is much to read.
    const noise = Array.from(
      { length: 100 },
      () => `{"x":"${randomBytes(75_000).toString('base64')}"}\n`,
    );
    place.write('s.jsonl', compress(noise.join(''), how));
    const catalog = await filesSource.discover({ path: place.path }, never);
    const before = readBytes();
    const items = filesSource
      .read({
        ...{ config: { path: place.path }, catalog: configured(catalog, 'incremental') },
        ...{ state: [], accepts: () => ['jsonl'], drain: never, abort: never },
        checkpoints: { async *[Symbol.asyncIterator]() {} },
      })
      [Symbol.asyncIterator]();
    for (let i = 0; i < 10; i += 1) await items.next();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const ahead = readBytes() - before;
    await items.return!();
    // The head is looked at first, then less than ten blocks of one record each were taken, of ten megabytes.
    expect(ahead).toBeGreaterThan(1_000_000);
    expect(ahead).toBeLessThan(5_000_000);
  },
);

/** Bytes that this process read so far. */
function readBytes(): number {
  const [, bytes] = /^rchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))!;
  return Number(bytes);
}
