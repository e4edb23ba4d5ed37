import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import {
  SyncError,
  type ConfiguredStream,
  type Echo,
  type Item,
  type JsonObject,
  type StateMessage,
  type Writer,
} from '../../protocol/index.ts';
import { alive, eventually } from './eventually.ts';
import {
  epoch,
  fakeDestination,
  writeAll,
  writeInput,
  type FakeDestination,
  type FakeDestinationOptions,
} from './fake-destination.ts';
import {
  block,
  catalogOf,
  configured,
  end,
  globalState,
  id,
  status,
  streamState,
} from '../support/items.ts';

const made: FakeDestination[] = [];

function fake(body: string, options?: FakeDestinationOptions): FakeDestination {
  const destination = fakeDestination(body, options);
  made.push(destination);
  return destination;
}

afterEach(() => {
  for (const destination of made.splice(0)) {
    expect(destination.privateDirectories()).toEqual([]);
    destination.remove();
  }
});

const [A, B] = [id('a'), id('b')];
const plain = 'await take();';
/** Ids 1 to 6 of a stream, a state after each second one. */
const six: readonly Item[] = [2, 4, 6].flatMap((n): Item[] => [
  block(A, n - 1, n),
  streamState(A, { id: n }),
]);
const cursors = (echoes: readonly Echo[]): unknown[] =>
  echoes.map(({ state }) => (state?.state.stream?.stream_state as JsonObject)?.['id'] ?? null);
const onlyA = catalogOf(configured(A));
const overwritten: ConfiguredStream = {
  ...configured(A, 'full_refresh'),
  destination_sync_mode: 'overwrite',
  generation_id: 3,
  minimum_generation_id: 3,
};

test('what it echoes becomes a checkpoint, with our text of the state and what we counted', async () => {
  const state: StateMessage = {
    type: 'STATE',
    state: { type: 'STREAM', stream: { stream_descriptor: { name: 'a' }, stream_state: 1 } },
    exact:
      '{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":9007199254740993},"id":"the source\'s own"}',
  };
  const to = fake(plain);
  const { echoes, failure } = await writeAll(to, [block(A, 1, 3), state, end()]);
  expect(failure).toBeNull();
  expect(echoes).toMatchObject([
    {
      state: { exact: state.exact },
      checkpoint: { scope: 'a', epoch, seq: 1, records: 3, exact: state.exact, state: state.state },
    },
  ]);
  expect(to.rows()).toEqual([1, 2, 3]);
  const line = readFileSync(to.file('given.jsonl'), 'utf8').split('\n')[3];
  expect(line).toBe(
    '{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":9007199254740993},"sourceStats":{"recordCount":3.0},"id":1}}',
  );
});

test('config and catalog are files that only their owner may read; config stays out of the arguments', async () => {
  const to = fake(`
    const { statSync } = await import('node:fs');
    writeFileSync('seen.json', JSON.stringify({ files: ['config', 'catalog'].map((name) => [readFileSync(arg(name), 'utf8'), statSync(arg(name)).mode & 0o777]), argv: process.argv }));
    ${plain}`);
  const renamed: ConfiguredStream = {
    ...configured(B),
    landing: { namespace: 'lake', prefix: 'x_' },
  };
  const { input } = writeInput(
    { config: { password: 'hunter2' } },
    catalogOf(overwritten, renamed),
  );
  const items = [block(B, 1, 1), streamState(B, 1), end()];
  expect((await writeAll(to, items, { ...writeInput(), input })).failure).toBeNull();
  const { files, argv } = JSON.parse(readFileSync(to.file('seen.json'), 'utf8')) as {
    files: [string, number][];
    argv: string[];
  };
  expect(files.map(([, mode]) => mode)).toEqual([0o600, 0o600]);
  expect(argv.join(' ')).not.toContain('hunter2');
  expect(JSON.parse(files[1]![0])).toMatchObject({
    streams: [
      // Of this attempt alone: what an earlier one left is not gone on with.
      {
        ...{ stream: { name: 'a' }, destination_sync_mode: 'overwrite', sync_id: 1 },
        ...{ generation_id: epoch.at, minimum_generation_id: epoch.at },
      },
      { stream: { name: 'x_b', namespace: 'lake' }, generation_id: 0, minimum_generation_id: 0 },
    ],
  });
  expect(files[1]![0]).not.toContain('landing');
  expect(to.given().slice(0, 2)).toMatchObject([
    { record: { stream: 'x_b', namespace: 'lake', data: { id: 1 } } },
    { state: { stream: { stream_descriptor: { name: 'x_b', namespace: 'lake' } } } },
  ]);
});

test('fields that were not chosen stay here, digit by digit in those that go', async () => {
  const to = fake(plain);
  const chosen: ConfiguredStream = { ...configured(A), landing: { only: ['id', 'n'] } };
  const data = '{"secret":"x","id":1, "n" : 9007199254740993.10,"_ab_cdc_lsn":7,"deep":{"id":2}}';
  const bytes = Buffer.from(
    `{"type":"RECORD","record":{"stream":"a","data":${data},"emitted_at":1}}\n`,
  );
  const one = { ...block(A, 1, 1), bytes };
  await writeAll(to, [one, streamState(A, 1), end()], writeInput({}, catalogOf(chosen)));
  expect(readFileSync(to.file('given.jsonl'), 'utf8')).toContain(
    '"data":{"id":1,"n":9007199254740993.10,"_ab_cdc_lsn":7},"emitted_at"',
  );
});

test('a record that cannot be taken apart is the fault of the source', async () => {
  const chosen: ConfiguredStream = { ...configured(A), landing: { only: ['id'] } };
  const line = '{"type":"RECORD","record":{"stream":"a","data":{"id":1,oops},"emitted_at":1}}';
  const items = [{ ...block(A, 1, 1), bytes: Buffer.from(line + '\n') }, end()];
  const { failure } = await writeAll(fake(plain), items, writeInput({}, catalogOf(chosen)));
  expect(failure).toMatchObject({ origin: 'source', stream: 'a', kind: 'system_error' });
});

test.each([
  [
    're-serialised, without number or envelope',
    `({ id, ...state }) => { keep(); const { stream_state: s, ...more } = state.stream; print({ stream: { stream_state: { f: 1.0, id: s.id, none: null }, ...more }, type: 'STREAM' }); }`,
  ],
  [
    'with the statistics of both ends',
    `(state) => echo({ ...state, destinationStats: { recordCount: 2.0 } })`,
  ],
  ['each of them twice', `(state) => { echo(state); echo(state); }`],
  [
    'with others that nobody sent',
    `(state) => { print({ type: 'STATE', state: { ...state, id: 99 } }); echo(state); }`,
  ],
])('echoes %s are understood', async (_, handler) => {
  const to = fake(`await take({ state: ${handler} });`);
  const items = [2, 4, 6].flatMap((n): Item[] => [
    block(A, n - 1, n),
    streamState(A, { id: n, f: 1 }),
  ]);
  const { echoes, failure } = await writeAll(to, [...items, end()]);
  expect(failure).toBeNull();
  expect(cursors(echoes)).toEqual([2, 4, 6]);
  expect(to.log.filter((line) => line.includes('was not sent'))).toHaveLength(
    handler.includes('99') ? 3 : 0,
  );
});

test('a LEGACY state, echoed as its bare data, and a GLOBAL one', async () => {
  const legacy: StateMessage = { type: 'STATE', state: { data: { at: 1, b: [1, null] } } };
  const bare = fake(
    `await take({ state: ({ data }) => { keep(); print({ data: { b: data.b, at: 1.0 } }); } });`,
  );
  const one = await writeAll(bare, [block(A, 1, 1), legacy, end()]);
  expect(one).toMatchObject({
    failure: null,
    echoes: [{ checkpoint: { scope: '*', state: legacy.state } }],
  });
  const whole = await writeAll(fake(plain), [
    block(A, 1, 1),
    block(B, 1, 2),
    globalState(7),
    end(),
  ]);
  expect(whole.echoes).toMatchObject([
    { checkpoint: { scope: '*', records: 3, byStream: { a: { records: 1 }, b: { records: 2 } } } },
  ]);
});

test('an echo covers the states before it; one that comes late moves nothing back', async () => {
  const last = `const states = []; await take({ state: (s) => states.push(s) }); for (const s of [states[2], states[0], states[1]]) echo(s);`;
  const { echoes, failure } = await writeAll(fake(last), [...six, end()]);
  expect([failure, cursors(echoes)]).toEqual([null, [6]]);
  expect(echoes[0]!.checkpoint).toMatchObject({ records: 6, seq: 3 });
});

test.each([
  [
    'one state',
    `(s) => echo({ ...s, destinationStats: { recordCount: s.stream.stream_state.id === 4 ? 1 : 2 } })`,
    'given 2, counted 1',
  ],
  [
    'with what it turned away',
    `(s) => echo({ ...s, destinationStats: { recordCount: s.stream.stream_state.id === 4 ? 3 : 1, rejectedRecordCount: 1 } })`,
    'given 2, counted 3, turned away 1',
  ],
])(
  'counts that disagree (%s) stop the checkpoint and name the numbers',
  async (_, handler, place) => {
    const to = fake(`await take({ state: ${handler} }); await forever();`);
    const items = [2, 4, 6].flatMap((n): Item[] => [
      block(A, n - 1, n),
      streamState(A, { id: n }, 2),
    ]);
    const { echoes, failure } = await writeAll(to, [...items, end()]);
    expect(cursors(echoes)).toEqual([2]);
    expect(failure).toMatchObject({ code: 'counts_disagree', origin: 'destination', stream: 'a' });
    expect(failure!.place).toContain(`${place}, the source counts 2; state {"id":4}`);
  },
);

test('a destination that never echoes is told by its scopes, though it exits well', async () => {
  const items = [...six, block(B, 1, 1), streamState(B, 1), end()];
  const { echoes, failure } = await writeAll(fake(`await take({ state() {} });`), items);
  expect(echoes).toEqual([]);
  expect(failure).toMatchObject({
    ...{ kind: 'system_error', origin: 'destination', place: 'fake: a, b' },
    message: 'The destination ended well but did not echo the last states.',
  });
});

test.each([
  [
    'exits',
    `process.exit(3)`,
    { kind: 'system_error', message: 'The destination exited with code 3.' },
  ],
  [
    'is killed',
    `process.kill(process.pid, 'SIGKILL')`,
    { facts: { exitCode: 137, signal: 'SIGKILL' } },
  ],
  [
    'says why',
    `{ traceError('disk full: hunter2', 'transient_error'); process.exit(1); }`,
    { kind: 'transient_error', message: 'disk full: ****' },
  ],
  [
    'says that a person must act',
    `{ traceError('no such table', 'config_error'); process.exit(1); }`,
    { kind: 'config_error' },
  ],
  [
    'says that it failed, and exits well',
    `traceError('quota', 'config_error')`,
    { kind: 'config_error', message: 'quota' },
  ],
  [
    'stops early as if all were well',
    `process.exit(0)`,
    { message: 'The destination exited before its input ended.' },
  ],
])(
  'a destination that %s half-way: what it echoed stays, and its own words are the failure',
  async (_, act, expected) => {
    const to = fake(`await take({ record: ({ data }) => { if (data.id === 5) ${act}; } });`);
    const source = (async function* (): AsyncGenerator<Item> {
      yield* six;
      // More than its pipe holds.
      for (let n = 7; n < 60_000; n += 500) yield block(A, n, n + 499);
      await new Promise(() => undefined);
    })();
    const { echoes, failure } = await writeAll(to, source);
    expect(cursors(echoes).slice(0, 2)).toEqual([2, 4]);
    expect(failure).toMatchObject({ origin: 'destination', ...expected });
  },
);

test('one that prints a lot while it is fed a lot never stands still', async () => {
  const to = fake(`
    const noise = 'n'.repeat(50_000);
    await take({ record: ({ data }) => { if (data.id % 20 === 0) log('INFO', noise); } });`);
  const items: Item[] = [];
  for (let n = 1; n <= 4_000; n += 500) items.push(block(A, n, n + 499));
  const { echoes, failure } = await writeAll(to, [...items, streamState(A, { id: 1 }), end()]);
  expect([failure, echoes.length]).toEqual([null, 1]);
  expect(echoes[0]!.checkpoint.records).toBe(4_000);
  expect(to.log.length).toBeGreaterThanOrEqual(200);
});

test('a slow one holds the source back, and blocks are let go once it has taken them', async () => {
  const to = fake(`process.stdin.pause(); const { watch } = await import('node:fs');
    writeFileSync('pid', String(process.pid));
    while (!existsSync('go')) await sleep(20);
    await take();`);
  let pulled = 0;
  const blocks = Array.from({ length: 200 }, (_, n) => block(A, n * 1_000 + 1, n * 1_000 + 1_000));
  const source = (async function* (): AsyncGenerator<Item> {
    for (const one of blocks) {
      pulled += 1;
      yield one;
    }
    yield streamState(A, 1);
    yield end();
  })();
  const writing = writeAll(to, source);
  await eventually('it is fed', () => pulled > 1);
  let before = -1;
  await eventually('the source waits', async () => {
    before = pulled;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return pulled === before;
  });
  expect(pulled).toBeLessThan(20);
  expect(blocks.filter((one) => one.released() === 0).length).toBeGreaterThan(180);
  writeFileSync(to.file('go'), '');
  const { failure } = await writing;
  expect(failure).toBeNull();
  expect(blocks.every((one) => one.released() === 1)).toBe(true);
});

test('what it turned away is told once, with the checkpoint that covers it', async () => {
  const to = fake(
    `await take({ state: (s) => echo({ ...s, destinationStats: s.stream.stream_state.id === 4 ? { recordCount: 2 } : { recordCount: 1, rejectedRecordCount: 1 } }) });`,
  );
  const { echoes, failure } = await writeAll(to, [...six, end()]);
  expect(failure).toBeNull();
  expect(echoes.map(({ receipt }) => receipt?.rejected)).toEqual([{ a: 1 }, undefined, { a: 1 }]);
  const whole = fake(
    `await take({ state: (s) => echo({ ...s, destinationStats: { recordCount: 1, rejectedRecordCount: 1 } }) });`,
  );
  const replaced = await writeAll(
    whole,
    [...six, end({ statuses: { [A]: 'COMPLETE' } })],
    writeInput({}, catalogOf(overwritten)),
  );
  expect(replaced.echoes.map(({ receipt }) => receipt?.rejected)).toEqual([{ a: 3 }]);
});

/** Writes until it is aborted, and tells for how long the writer is blocked meanwhile. */
function writing(to: FakeDestination, items: readonly Item[]) {
  let writer: Writer | null = null;
  const open: FakeDestination['destination']['open'] = async (input) =>
    (writer = await to.destination.open(input));
  const write = writeInput();
  const written = writeAll({ ...to, destination: { ...to.destination, open } }, items, write);
  return {
    blockedMs: (): number => writer?.blockedMs ?? 0,
    abort: async () => {
      write.abort.abort();
      return (await written).failure;
    },
  };
}

test('one that takes nothing and says nothing is blocked; one that says something again is not', async () => {
  const items: Item[] = Array.from({ length: 100 }, (_, n) =>
    block(A, n * 1_000 + 1, n * 1_000 + 1_000),
  );
  const to = fake(
    `setInterval(() => existsSync('speak') && log('INFO', 'merging'), 20); await forever();`,
  );
  const { blockedMs, abort } = writing(to, [...items, end()]);
  await eventually('it is blocked for a while', () => blockedMs() > 500);
  writeFileSync(to.file('speak'), '');
  await eventually('it is not any more', () => blockedMs() < 100);
  expect((await abort())?.code).toBe('aborted');
});

test('one that has all its input and does not end is blocked', async () => {
  const { blockedMs, abort } = writing(fake(`await take(); await forever();`), [...six, end()]);
  await eventually('it is blocked for a while', () => blockedMs() > 500);
  expect((await abort())?.code).toBe('aborted');
});

test('a drain ends its input and keeps what it then echoes; nothing is called complete', async () => {
  const to = fake(
    `const states = []; await take({ state: (s) => states.push(s) }); states.forEach(echo);`,
  );
  const write = writeInput();
  let taken: (() => void) | null = null;
  const allTaken = new Promise<void>((resolve) => (taken = resolve));
  const source = (async function* (): AsyncGenerator<Item> {
    yield* six;
    yield block(A, 7, 7);
    taken!();
    await new Promise(() => undefined);
  })();
  const writing = writeAll(to, source, write);
  await allTaken;
  write.drain.abort();
  const { echoes, failure } = await writing;
  expect(failure).toBeNull();
  expect(cursors(echoes).at(-1)).toBe(6);
  expect(to.given().some((line) => line['type'] === 'TRACE')).toBe(false);
});

test('an abort kills it and all that it started, at once', async () => {
  const to = fake(`
    const { spawn } = await import('node:child_process');
    process.on('SIGTERM', () => {});
    const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    writeFileSync('draft', process.pid + ' ' + child.pid); (await import('node:fs')).renameSync('draft', 'pids');
    await take(); await forever();`);
  const write = writeInput();
  const writing = writeAll(to, [...six, end()], write);
  await eventually('it runs', () => existsSync(to.file('pids')));
  const pids = readFileSync(to.file('pids'), 'utf8').split(' ').map(Number);
  write.abort.abort();
  expect((await writing).failure).toMatchObject({ code: 'aborted', origin: 'tidemark' });
  await eventually('all processes are gone', () => !pids.some(alive), 2_000);
});

test('a source that fails: its input ends without a word of completeness, and what was echoed stays', async () => {
  const failure = { kind: 'transient_error', origin: 'source', message: 'lost' } as const;
  const to = fake(plain);
  const written = await writeAll(to, [...six, block(A, 7, 7), end({ failure })]);
  expect(cursors(written.echoes)).toEqual([2, 4, 6]);
  expect(written.failure).toMatchObject(failure);
  expect(to.given().filter(({ type }) => type === 'TRACE')).toEqual([]);
});

test('a source that breaks its word: what was covered before becomes durable, the wrong state goes nowhere', async () => {
  const to = fake(plain);
  const items = [...six, block(A, 7, 7), streamState(A, { id: 7 }, 5), end()];
  const { echoes, failure } = await writeAll(to, items);
  expect(cursors(echoes)).toEqual([2, 4, 6]);
  expect(failure).toMatchObject({ code: 'counts_disagree', origin: 'source' });
  expect(to.given().filter(({ type }) => type === 'STATE')).toHaveLength(3);
});

describe('streams that are done', () => {
  const inFull = configured(A, 'full_refresh');
  const complete = end({ statuses: { [A]: 'COMPLETE' } });

  test('one that sends no states is counted by an empty one, and a checkpoint once its end went well', async () => {
    const to = fake(
      `await take({ state: (s) => { print('stats ' + JSON.stringify(s.sourceStats)); echo({ ...s, destinationStats: { recordCount: 5 } }); } });`,
    );
    const { echoes, failure } = await writeAll(
      to,
      [block(A, 1, 5), status(A, 'COMPLETE'), complete],
      writeInput({}, catalogOf(inFull)),
    );
    expect(failure).toBeNull();
    expect(echoes).toMatchObject([
      { state: null, checkpoint: { scope: 'a', state: null, complete: true, records: 5 } },
    ]);
    const types = to.given().map(({ type }) => type);
    expect(types.slice(-2)).toEqual(['STATE', 'TRACE']);
    expect(to.given().at(-1)).toMatchObject({
      trace: { stream_status: { stream_descriptor: { name: 'a' }, status: 'COMPLETE' } },
    });
    expect(to.log).toContain('stats {"recordCount":5}');
  });

  test('is not complete when the destination fails after it said so', async () => {
    const to = fake(
      `await take(); traceError('swap failed', 'transient_error'); process.exitCode = 1;`,
    );
    const { echoes, failure } = await writeAll(
      to,
      [block(A, 1, 5), complete],
      writeInput({}, catalogOf(inFull)),
    );
    expect(echoes).toEqual([]);
    expect(failure).toMatchObject({ message: 'swap failed' });
  });

  test('one that replaces its data is a checkpoint only as a whole, though its states are echoed', async () => {
    const seen: string[] = [];
    const to = fake(plain);
    const write = writeInput({}, catalogOf(overwritten));
    const whole = await writeAll(to, [...six, complete], write, ({ checkpoint }) =>
      seen.push(`${to.given().length} ${checkpoint.complete === true}`),
    );
    expect(whole.failure).toBeNull();
    expect(seen).toEqual(['10 true']);
    expect(whole.echoes).toMatchObject([{ checkpoint: { complete: true, seq: 4, records: 6 } }]);
    const cut = await writeAll(
      fake(plain),
      [...six, end({ statuses: { [A]: 'INCOMPLETE' } })],
      write,
    );
    expect(cut.echoes).toEqual([]);
    expect(cut.failure).toMatchObject({ origin: 'source' });
  });

  test('a state of all streams waits for one that replaces its data, if it tells of it', async () => {
    const listing = (...names: string[]): StateMessage => ({
      type: 'STATE',
      state: {
        type: 'GLOBAL',
        global: {
          shared_state: { lsn: 1 },
          stream_states: names.map((name) => ({ stream_descriptor: { name }, stream_state: {} })),
        },
      },
    });
    const write = writeInput({}, catalogOf(overwritten, configured(B)));
    const done = end({ statuses: { [A]: 'COMPLETE', [B]: 'COMPLETE' } });
    const held = await writeAll(
      fake(plain),
      [block(A, 1, 1), block(B, 1, 1), listing('a', 'b'), done],
      write,
    );
    expect(held.echoes.map(({ checkpoint }) => checkpoint.scope)).toEqual(['a', '*']);
    const free = await writeAll(fake(plain), [block(B, 1, 1), listing('b'), done], write);
    expect(free.echoes.map(({ checkpoint }) => checkpoint.scope)).toEqual(['*', 'a']);
  });

  test('others are complete beside one that is not', async () => {
    const { echoes, failure } = await writeAll(
      fake(plain),
      [block(A, 1, 2), block(B, 1, 1), end({ statuses: { [A]: 'COMPLETE', [B]: 'INCOMPLETE' } })],
      writeInput({}, catalogOf(inFull, configured(B, 'full_refresh'))),
    );
    expect(echoes).toMatchObject([{ checkpoint: { scope: 'a', complete: true } }]);
    expect(failure).toMatchObject({ origin: 'source', place: 'b: INCOMPLETE' });
  });
});

describe('what is refused before it starts', () => {
  const spec = { connectionSpecification: {}, supported_destination_sync_modes: ['append'] };
  test.each<[string, ConfiguredStream, number, RegExp]>([
    ['a mode that it does not support', overwritten, 0, /overwrite/],
    ['rows_min, which it cannot keep', overwritten, 5, /rows_min/],
    ['soft deletes', { ...configured(A), landing: { cdc_deletes: 'soft' } }, 0, /cdc_deletes/],
  ])('%s', async (_, stream, rowsMin, place) => {
    const { input } = writeInput({ rowsMin }, catalogOf(stream));
    await expect(fake(plain, { spec }).destination.open(input)).rejects.toMatchObject({
      ...{ kind: 'config_error', origin: 'destination', stream: 'a' },
      place: expect.stringMatching(place) as unknown,
    });
  });

  test('two streams of one name', async () => {
    const twin = {
      ...configured(B),
      landing: { prefix: '' },
      stream: { name: 'a', namespace: 'n', json_schema: {} },
    };
    const first: ConfiguredStream = { ...configured(A), landing: { namespace: 'n' } };
    const { input } = writeInput({}, catalogOf(first, twin));
    await expect(fake(plain).destination.open(input)).rejects.toMatchObject({
      kind: 'config_error',
      place: 'a and n/a: n/a',
    });
  });
});

test('without the permit it is neither started nor given anything; a newer writer ends it', async () => {
  const to = fake(`writeFileSync('started', ''); ${plain}`);
  let asked = 0;
  const fencedOff = new SyncError('transient_error', 'A newer writer owns this connection.', {
    origin: 'tidemark',
    code: 'fenced',
  });
  const permit = async (): Promise<void> => {
    asked += 1;
    if (asked === 1) expect(existsSync(to.file('started'))).toBe(false);
    // For the start and the first four items.
    if (asked > 5) throw fencedOff;
  };
  const { failure } = await writeAll(to, [...six, end()], writeInput({ permit }, onlyA));
  expect(failure).toMatchObject({ code: 'fenced' });
  expect(to.rows().every((row) => row <= 4)).toBe(true);
  const refused = fake(plain);
  const never = writeInput({ permit: () => Promise.reject(fencedOff) }, onlyA);
  expect((await writeAll(refused, six, never)).failure).toBe(fencedOff);
  // Made for each start.
  expect(existsSync(refused.options.stateDir)).toBe(false);
});

test('states that nobody echoes are not heaped up: of each scope the newest goes out at the end', async () => {
  const to = fake(
    `const states = []; await take({ state: (s) => states.push(s) }); print('states ' + states.length + ' ' + states.at(-1).sourceStats.recordCount); states.forEach(echo);`,
  );
  const source = (function* (): Generator<Item> {
    for (let n = 1; n <= 1_500; n += 1) {
      yield block(A, n, n);
      yield streamState(A, { id: n }, 1);
    }
    yield end();
  })();
  const { echoes, failure } = await writeAll(to, source, writeInput({}, onlyA));
  expect(failure).toBeNull();
  expect(to.log).toContain('states 1001 500');
  expect(echoes.at(-1)!.checkpoint).toMatchObject({
    records: 1_500,
    state: { sourceStats: { recordCount: 1 } },
  });
});
