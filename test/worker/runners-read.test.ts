import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import type { Block, Item, JsonObject, StateMessage } from '../../protocol/index.ts';
import { alive, eventually } from './eventually.ts';
import {
  fakeConnector,
  readAll,
  readInput,
  textOf,
  type FakeConnector,
  type FakeOptions,
} from './fake-connector.ts';
import { catalogOf, configured, id } from '../support/items.ts';

const made: FakeConnector[] = [];

function fake(body: string, options?: FakeOptions): FakeConnector {
  const connector = fakeConnector(body, options);
  made.push(connector);
  return connector;
}

afterEach(() => {
  for (const connector of made.splice(0)) {
    expect(connector.privateDirectories()).toEqual([]);
    connector.remove();
  }
});

const types = (items: readonly Item[]): string[] =>
  items.map((item) => (item.type === 'BLOCK' ? `${item.stream}×${item.records}` : item.type));

/** The next item's promise, with what it resolves to kept out of the way of an unhandled rejection. */
const iterate = (connector: FakeConnector, read: ReturnType<typeof readInput>) =>
  connector.source.read(read.input)[Symbol.asyncIterator]();

test('yields what the connector prints, in its order, and how its streams ended', async () => {
  const connector = fake(`
    log('INFO', 'starting');
    status('a', 'STARTED');
    record('a', 1); record('a', 2); state('a', 2);
    record('b', 1); record('a', 3); record('b', 2);
    print('plain text');
    status('a', 'COMPLETE'); status('b', 'INCOMPLETE');
  `);
  const { items, lines, end } = await readAll(connector);
  expect(lines.map((line) => (JSON.parse(line) as JsonObject)['record'])).toHaveLength(5);
  const order = types(items);
  expect(order[0]).toBe('LOG');
  expect(order.indexOf('STATE')).toBeGreaterThan(order.indexOf('TRACE'));
  expect(order.slice(-3)).toEqual(['TRACE', 'TRACE', 'END']);
  expect(end).toEqual({
    type: 'END',
    failure: null,
    drained: false,
    statuses: { a: 'COMPLETE', b: 'INCOMPLETE' },
    streamFailures: {},
  });
  expect(connector.log).toEqual(expect.arrayContaining(['INFO starting', 'plain text']));
});

test('puts a state behind all its records and before the next ones', async () => {
  const connector = fake(`
    let out = '';
    const line = (value) => { out += JSON.stringify(value) + '\\n'; };
    for (let n = 1; n <= 9; n += 1) {
      for (const stream of ['a', 'b']) line({ type: 'RECORD', record: { stream, data: { n }, emitted_at: 1 } });
      if (n % 3 === 0) line({ type: 'STATE', state: { type: 'GLOBAL', global: { shared_state: n, stream_states: [] } } });
    }
    writeSync(1, out);
  `);
  const { items } = await readAll(connector);
  const order = types(items);
  expect(order).toEqual([
    ...Array.from({ length: 3 }, () => ['a×3', 'b×3', 'STATE']).flat(),
    'END',
  ]);
});

test('gives config, catalog and exact state in files that only their owner may read', async () => {
  const connector = fake(`
    const { statSync } = await import('node:fs');
    const { dirname } = await import('node:path');
    const files = ['config', 'catalog', 'state'].map((name) => [name, readFileSync(arg(name), 'utf8'), statSync(arg(name)).mode & 0o777]);
    writeFileSync('seen.json', JSON.stringify({ files, directory: statSync(dirname(arg('config'))).mode & 0o777, argv: process.argv, env: process.env }));
  `);
  const state: StateMessage[] = [
    {
      type: 'STATE',
      state: { type: 'STREAM', stream: { stream_descriptor: { name: 'a' }, stream_state: 1 } },
      exact:
        '{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":9007199254740993}}',
    },
    {
      type: 'STATE',
      state: { type: 'STREAM', stream: { stream_descriptor: { name: 'b' }, stream_state: 2 } },
    },
  ];
  const told = configured(id('a'));
  const read = readInput({ password: 'hunter2' }, state);
  // What is meant for the destination is no word of the protocol.
  const catalog = catalogOf({ ...told, landing: { only: ['n'] } });
  const { end } = await readAll(connector, { ...read, input: { ...read.input, catalog } });
  expect(end.failure).toBeNull();
  const seen = JSON.parse(readFileSync(connector.file('seen.json'), 'utf8')) as JsonObject;
  expect(seen['directory']).toBe(0o700);
  expect(seen['files']).toEqual([
    ['config', '{"password":"hunter2"}', 0o600],
    ['catalog', JSON.stringify({ streams: [told] }), 0o600],
    ['state', `[${state[0]?.exact},${JSON.stringify(state[1]?.state)}]`, 0o600],
  ]);
  expect(JSON.stringify(seen['argv'])).not.toContain('hunter2');
  expect(
    Object.keys(seen['env'] as JsonObject).filter((name) => !/^(PWD|_|OLDPWD|SHLVL)$/.test(name)),
  ).toEqual(['PATH']);
});

test('gives no state file without a state, and the bare blob of a LEGACY one', async () => {
  const connector = fake(
    `writeFileSync('seen.txt', arg('state') === null ? 'none' : readFileSync(arg('state'), 'utf8'));`,
  );
  const seen = (): string => readFileSync(connector.file('seen.txt'), 'utf8');
  await readAll(connector);
  expect(seen()).toBe('none');
  const legacy = { type: 'STATE', state: { data: { id: 1 } }, exact: '{ "data" : {"id":1.0} }' };
  await readAll(connector, readInput({}, [legacy as StateMessage]));
  expect(seen()).toBe('{"id":1.0}');
});

test('tells the earliest error that has a type, and masks secrets in it', async () => {
  const connector = fake(`
    traceError('no type', undefined, 1);
    traceError('second: hunter2', 'transient_error', 3);
    traceError('first: hunter2', 'config_error', 2);
    log('ERROR', 'hunter2 again');
    process.exitCode = 1;
  `);
  const { items, end } = await readAll(connector);
  expect(end.failure).toMatchObject({
    kind: 'config_error',
    origin: 'source',
    message: 'first: ****',
    facts: { exitCode: 1 },
  });
  expect(JSON.stringify(items) + connector.log.join('\n')).not.toContain('hunter2');
});

test('tells what failed single streams, though the source exits well', async () => {
  const connector = fake(`
    const failed = (name, message, failure_type) => print({ type: 'TRACE', trace: { type: 'ERROR', emitted_at: 1, error: { message, failure_type, stream_descriptor: { name } } } });
    failed('a', 'forbidden: hunter2', 'config_error'); failed('a', 'again', 'system_error');
    status('a', 'INCOMPLETE'); status('b', 'COMPLETE');
  `);
  const { end } = await readAll(connector);
  expect(end.failure).toBeNull();
  expect(end.streamFailures).toMatchObject({
    a: { kind: 'config_error', origin: 'source', stream: 'a', message: 'forbidden: ****' },
  });
});

test('says when a source that failed may be asked again after its rate limit', async () => {
  const connector = fake(`
    status('a', 'RUNNING', [{ type: 'RATE_LIMITED', rate_limited: { quota_reset: Date.now() + 60000 } }]);
    traceError('quota', 'transient_error');
    process.exitCode = 1;
  `);
  const { items, end } = await readAll(connector);
  expect(types(items)).toEqual(['TRACE', 'TRACE', 'END']);
  expect(end.failure).toMatchObject({ code: 'rate_limited', kind: 'transient_error' });
  expect(end.failure?.facts?.['quotaReset']).toBeGreaterThan(Date.now());
});

test('tells the exit code of a source that says nothing, and logs its last words', async () => {
  const connector = fake(`record('a', 1); console.error('it broke: hunter2'); process.exit(3);`);
  const { lines, end } = await readAll(connector);
  expect(lines).toHaveLength(1);
  expect(end.failure).toMatchObject({
    kind: 'system_error',
    message: 'The source exited with code 3.',
    facts: { exitCode: 3, signal: null },
  });
  expect(connector.log).toContain('it broke: ****');
});

test('tells that a source was killed, and drops the line it was printing', async () => {
  const connector = fake(
    `record('a', 1); writeSync(1, '{"type":"RECORD","record":{"stream":"a","da'); process.kill(process.pid, 'SIGKILL'); forever();`,
  );
  const { lines, end } = await readAll(connector);
  expect(lines).toHaveLength(1);
  expect(end.failure).toMatchObject({
    kind: 'system_error',
    message: 'The source died of SIGKILL.',
    facts: { exitCode: 137, signal: 'SIGKILL' },
  });
  expect(end.failure?.remedy).toMatch(/memory/);
});

test('fails on a line that is cut short though the source exits well', async () => {
  const connector = fake(
    `record('a', 1); writeSync(1, '{"type":"RECORD","record":{"stream":"a","da');`,
  );
  const { lines, end } = await readAll(connector);
  expect(lines).toHaveLength(1);
  expect(end.failure).toMatchObject({ kind: 'system_error', facts: { line: 2 } });
});

test('fails on a garbled record after it has yielded the state before it', async () => {
  const connector = fake(
    `record('a', 1); state('a', 1); print('{"type":"RECORD","record":{"stre'); record('a', 2); forever();`,
  );
  const { items, end } = await readAll(connector);
  expect(types(items).filter((type) => type !== 'LOG')).toEqual(['a×1', 'STATE', 'END']);
  expect(end.failure).toMatchObject({ kind: 'system_error', origin: 'source', facts: { line: 3 } });
});

test('warns of a message that its own connector made unreadable', async () => {
  const connector = fake(`print('{"type":"TRACE","tr****ce":{}}'); record('a', 1);`);
  const { items, end } = await readAll(connector);
  expect(items[0]).toMatchObject({ type: 'LOG', log: { level: 'WARN' } });
  expect(end.failure).toBeNull();
});

test('ends a source that closed its output but stays', async () => {
  const connector = fake(
    `const { closeSync } = await import('node:fs'); record('a', 1); writeFileSync('pid', String(process.pid)); process.on('SIGTERM', () => {}); closeSync(1); forever();`,
    { limits: { exitMsMax: 300 } },
  );
  const { lines, end } = await readAll(connector);
  expect(lines).toHaveLength(1);
  expect(end.failure).toMatchObject({
    kind: 'transient_error',
    message: 'The source ended its output but did not exit.',
  });
  const pid = Number(readFileSync(connector.file('pid'), 'utf8'));
  await eventually('the source is gone', () => !alive(pid), 1_000);
});

test('what never enters the pipe is a sign of life too: words on stderr, text, the beginning of a line', async () => {
  for (const body of [
    `console.error('alive');`,
    `print('alive');`,
    `writeSync(1, '{"type":"RECORD","record":{');`,
  ]) {
    const connector = fake(
      `await new Promise((resolve) => setTimeout(resolve, 300)); ${body} while (!existsSync('heard')) await new Promise((resolve) => setTimeout(resolve, 20)); process.exit(1);`,
    );
    let lived = 0;
    const lives = (): void => {
      lived += 1;
      writeFileSync(connector.file('heard'), '');
    };
    const { input } = readInput();
    for await (const item of connector.source.read({ ...input, lives }))
      expect(['LOG', 'END']).toContain(item.type);
    expect(lived).toBeGreaterThan(0);
  }
});

test('a source that prints nothing shows no life', async () => {
  const connector = fake(`setTimeout(() => process.exit(0), 1500);`);
  let lived = 0;
  const { input } = readInput();
  for await (const item of connector.source.read({ ...input, lives: () => (lived += 1) }))
    expect(item.type).toBe('END');
  expect(lived).toBe(0);
});

test('drains: what was printed is yielded to its end, and the end says so', async () => {
  const connector = fake(`
    for (let n = 1; n <= 2000; n += 1) record('a', n);
    state('a', 2000);
    writeFileSync('printed', '');
    forever();
  `);
  const read = readInput();
  const items: Item[] = [];
  for await (const item of connector.source.read(read.input)) {
    items.push(item);
    if (item.type !== 'BLOCK' || read.drain.signal.aborted) continue;
    await eventually('all is printed', () => existsSync(connector.file('printed')));
    read.drain.abort();
  }
  const records = items.reduce((sum, item) => sum + (item.type === 'BLOCK' ? item.records : 0), 0);
  expect([records, ...types(items).slice(-2)]).toEqual([2000, 'STATE', 'END']);
  expect(items.at(-1)).toMatchObject({ failure: null, drained: true });
});

test('drains a source that ignores SIGTERM by killing it', async () => {
  const connector = fake(`process.on('SIGTERM', () => {}); record('a', 1); forever();`, {
    limits: { exitMsMax: 300 },
  });
  const read = readInput();
  for await (const item of connector.source.read(read.input)) {
    if (item.type === 'BLOCK') read.drain.abort();
    if (item.type === 'END') expect(item).toMatchObject({ failure: null, drained: true });
  }
});

test('starts nothing when it is to drain or to abort already', async () => {
  const connector = fake(`writeFileSync('started', '');`);
  const drained = readInput();
  drained.drain.abort();
  expect((await readAll(connector, drained)).end).toMatchObject({ drained: true, failure: null });
  const aborted = readInput();
  aborted.abort.abort();
  expect((await readAll(connector, aborted)).end.failure).toMatchObject({ code: 'aborted' });
  expect(existsSync(connector.file('started'))).toBe(false);
});

test('aborts at once also while nobody pulls, with all that the source started', async () => {
  const connector = fake(`
    process.on('SIGTERM', () => {});
    const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    writeFileSync('pids', process.pid + ' ' + child.pid);
    record('a', 1);
    forever();
  `);
  const read = readInput();
  const iterator = iterate(connector, read);
  await iterator.next();
  const pids = readFileSync(connector.file('pids'), 'utf8').split(' ').map(Number);
  read.abort.abort();
  await eventually('all processes are gone', () => !pids.some(alive), 1_000);
  await eventually(
    'the private directory is gone',
    () => connector.privateDirectories().length === 0,
    1_000,
  );
  const last = await iterator.next();
  expect(last.value).toMatchObject({ type: 'END', failure: { code: 'aborted' } });
  expect(await iterator.next()).toMatchObject({ done: true });
});

test('frees everything when its consumer leaves early', async () => {
  const connector = fake(`writeFileSync('pid', String(process.pid)); record('a', 1); forever();`);
  for await (const item of connector.source.read(readInput().input)) {
    expect(item.type).toBe('BLOCK');
    break;
  }
  const pid = Number(readFileSync(connector.file('pid'), 'utf8'));
  await eventually('the source is gone', () => !alive(pid), 1_000);
});

test('kills what a source left behind and still held its output', async () => {
  const connector = fake(`
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
    writeFileSync('pid', String(child.pid));
    record('a', 1);
    process.exit(0);
  `);
  const { lines, end } = await readAll(connector);
  expect(lines).toHaveLength(1);
  expect(end.failure).toBeNull();
  const pid = Number(readFileSync(connector.file('pid'), 'utf8'));
  await eventually('the process left behind is gone', () => !alive(pid));
});

test('holds a bounded part of a large output while nobody pulls', async () => {
  const connector = fake(`
    const line = JSON.stringify({ type: 'RECORD', record: { stream: 'a', data: { v: 'x'.repeat(1000) }, emitted_at: 1 } }) + '\\n';
    const megabyte = Buffer.from(line.repeat(1000));
    for (let n = 1; n <= 30; n += 1) { writeSync(1, megabyte); writeFileSync('written', String(n)); }
  `);
  const iterator = iterate(connector, readInput());
  const first = await iterator.next();
  expect(first.value).toMatchObject({ type: 'BLOCK' });
  // As far as the pipe lets it.
  const written = (): string =>
    existsSync(connector.file('written')) ? readFileSync(connector.file('written'), 'utf8') : '0';
  let last = '';
  await eventually('the source waits', async () => {
    const before = last;
    last = `${written()} ${statSync(connector.directory).mtimeMs}`;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return before === last;
  });
  expect(Number(written())).toBeLessThan(3);
  let bytes = first.value.bytes.length as number;
  let records = first.value.records as number;
  const hash = createHash('sha256').update(first.value.bytes as Buffer);
  for (let item = await iterator.next(); !item.done; item = await iterator.next()) {
    if (item.value.type !== 'BLOCK') continue;
    bytes += item.value.bytes.length;
    records += item.value.records;
    hash.update(item.value.bytes);
    item.value.release();
  }
  const line = `${JSON.stringify({ type: 'RECORD', record: { stream: 'a', data: { v: 'x'.repeat(1000) }, emitted_at: 1 } })}\n`;
  const expected = createHash('sha256').update(line.repeat(30_000)).digest('hex');
  expect([records, bytes, hash.digest('hex')]).toEqual([30_000, line.length * 30_000, expected]);
});

test.each([
  ['large', 1000],
  ['small', 1],
])(
  'keeps the bytes of %s pieces until they are released, and waits meanwhile',
  async (_, lines) => {
    const connector = fake(`
    for (let n = 0; n < 20000; n += ${lines}) {
      let out = '';
      for (let k = n; k < n + ${lines}; k += 1)
        out += JSON.stringify({ type: 'RECORD', record: { stream: 'a', data: { k, v: 'x'.repeat(800) }, emitted_at: 1 } }) + '\\n';
      writeSync(1, out);
    }
  `);
    const held: Block[] = [];
    let next = 0;
    const letGo = (block: Block): void => {
      for (const line of textOf(block.bytes).trimEnd().split('\n')) {
        expect(line).toContain(`"data":{"k":${next},`);
        next += 1;
      }
      block.release();
    };
    for await (const item of connector.source.read(readInput().input)) {
      if (item.type !== 'BLOCK') continue;
      held.push(item);
      if (held.length > 20) letGo(held.shift()!);
    }
    held.forEach(letGo);
    expect(next).toBe(20_000);
  },
);

test('survives a flood on stderr', async () => {
  const connector = fake(`
    const noise = 'n'.repeat(99) + '\\n';
    for (let n = 0; n < 300; n += 1) writeSync(2, noise.repeat(300));
    writeSync(2, 'x'.repeat(1_000_000));
    record('a', 1);
  `);
  const { lines, end } = await readAll(connector);
  expect(lines).toHaveLength(1);
  expect(end.failure).toBeNull();
  expect(connector.log.length).toBe(90_001);
  expect(Math.max(...connector.log.map((line) => line.length))).toBeLessThan(20_000);
});

test('says so when the command is not there', async () => {
  const connector = fake('');
  const { command } = connector;
  (command as string[])[0] = '/nowhere/at/all';
  const { end } = await readAll(connector);
  expect(end.failure).toMatchObject({ kind: 'system_error', facts: { exitCode: 127 } });
  expect(textOf(Buffer.from(end.failure?.remedy ?? ''))).toMatch(/Install its command/);
});
