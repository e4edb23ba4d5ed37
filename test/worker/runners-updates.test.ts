import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError, type ControlMessage, type Item } from '../../protocol/index.ts';
import type { ConfigListener } from '../../worker/runners/config-listener.ts';
import { createLatch } from '../../engine/latch.ts';
import { id, streamState } from '../support/items.ts';
import { eventually } from './eventually.ts';
import { fakeConnector, readAll, readInput, type FakeConnector } from './fake-connector.ts';
import { fakeDestination, writeInput, type FakeDestination } from './fake-destination.ts';

// What a program says of its own config goes a road of its own, ahead of everything.

const made: (FakeConnector | FakeDestination)[] = [];
afterEach(() => {
  for (const one of made.splice(0)) {
    expect(one.privateDirectories()).toEqual([]);
    one.remove();
  }
});

/** Hears of tokens, and keeps them once it may. */
function listener() {
  const heard: unknown[] = [];
  const kept: unknown[] = [];
  const latch = createLatch();
  const gate = { open: true, fail: null as Error | null };
  const updates: ConfigListener = {
    hear: ({ control }: ControlMessage) =>
      void heard.push(control.connectorConfig?.config['token']),
    async kept() {
      if (gate.fail !== null && heard.length > kept.length) throw gate.fail;
      while (heard.length > kept.length && !gate.open) await latch.wait();
      kept.push(...heard.slice(kept.length));
    },
  };
  const letThrough = (): void => {
    gate.open = true;
    latch.wake();
  };
  return { updates, heard, kept, gate, letThrough };
}

const rotate = `
const rotate = (token) => print({ type: 'CONTROL', control: { type: 'CONNECTOR_CONFIG', emitted_at: 1, connectorConfig: { config: { token } } } });
`;

function source(body: string, updates: ConfigListener): FakeConnector {
  const connector = fakeConnector(rotate + body, { updates });
  made.push(connector);
  return connector;
}

function destination(body: string, updates: ConfigListener): FakeDestination {
  const made_ = fakeDestination(rotate + body, { updates });
  made.push(made_);
  return made_;
}

test('a read passes nothing on before an update is kept, also nothing that was printed before it', async () => {
  const { updates, heard, kept, gate, letThrough } = listener();
  gate.open = false;
  const connector = source(
    `
    const lines = [];
    const later = (value) => lines.push(JSON.stringify(value));
    later({ type: 'RECORD', record: { stream: 'a', data: { id: 1 }, emitted_at: 1 } });
    later({ type: 'CONTROL', control: { type: 'CONNECTOR_CONFIG', emitted_at: 1, connectorConfig: { config: { token: 't2' } } } });
    later({ type: 'RECORD', record: { stream: 'a', data: { id: 2 }, emitted_at: 1 } });
    writeSync(1, lines.join('\\n') + '\\n');
  `,
    updates,
  );
  const items: Item['type'][] = [];
  const reading = (async () => {
    for await (const item of connector.source.read(readInput().input)) {
      items.push(item.type);
      if (item.type === 'BLOCK') item.release();
    }
  })();
  await eventually('it is heard', () => heard.length === 1);
  expect({ items, kept }).toEqual({ items: [], kept: [] });
  letThrough();
  await reading;
  expect(kept).toEqual(['t2']);
  expect(items).toEqual(['BLOCK', 'END']);
});

test('what a source printed before it was aborted is looked through, though nobody takes its records', async () => {
  const { updates, kept } = listener();
  const connector = source(
    `
    const big = 'x'.repeat(100_000);
    for (let n = 1; n <= 4; n += 1) print({ type: 'RECORD', record: { stream: 'a', data: { n, big }, emitted_at: 1 } });
    writeFileSync('printing', '');
    rotate('t2');
    print('after');
    forever();
  `,
    updates,
  );
  const read = readInput();
  const items = connector.source.read(read.input)[Symbol.asyncIterator]();
  const first = await items.next();
  await eventually('it prints', () => existsSync(connector.file('printing')));
  read.abort.abort();
  await items.return!();
  expect(first.value).toMatchObject({ type: 'BLOCK' });
  expect(kept).toEqual(['t2']);
});

test('a source whose update cannot be kept does not go on', async () => {
  const { updates, gate } = listener();
  gate.fail = new SyncError('config_error', 'There is no key.', { origin: 'tidemark' });
  const connector = source(
    `rotate('t2'); setTimeout(() => { record('a', 1); state('a', 1); writeFileSync('went-on', ''); }, 500);`,
    updates,
  );
  const { items, end } = await readAll(connector);
  expect(items.map(({ type }) => type)).toEqual(['END']);
  expect(end.failure).toMatchObject({ kind: 'config_error', message: 'There is no key.' });
  expect(existsSync(connector.file('went-on'))).toBe(false);
});

test.each(['check', 'discover'] as const)(
  '%s answers only once an update is kept',
  async (verb) => {
    const { updates, heard, kept, gate, letThrough } = listener();
    gate.open = false;
    const connector = source(
      `
    rotate('t2');
    if (verb === 'check') print({ type: 'CONNECTION_STATUS', connectionStatus: { status: 'SUCCEEDED' } });
    if (verb === 'discover') print({ type: 'CATALOG', catalog: { streams: [] } });
  `,
      updates,
    );
    const signal = new AbortController().signal;
    let answered = false;
    const asked = connector.source[verb]({}, signal).then(() => (answered = true));
    await eventually('it is heard', () => heard.length === 1);
    expect(answered).toBe(false);
    letThrough();
    await asked;
    expect(kept).toEqual(['t2']);
  },
);

test('a failed check whose token was rotated keeps it all the same', async () => {
  const { updates, kept } = listener();
  const connector = source(
    `rotate('t2'); traceError('no rights', 'config_error'); process.exitCode = 1;`,
    updates,
  );
  const checked = connector.source.check({}, new AbortController().signal);
  await expect(checked).rejects.toMatchObject({ message: 'no rights' });
  expect(kept).toEqual(['t2']);
});

const nothing = async function* (): AsyncGenerator<Item> {
  yield { type: 'END', failure: null, drained: false, statuses: {} };
};

test('a destination that writes is heard, and one whose update cannot be kept ends', async () => {
  const good = listener();
  const one = destination(`rotate('t2'); await take();`, good.updates);
  const writer = await one.destination.open(writeInput().input);
  for await (const echo of writer.write(nothing())) expect(echo).toBeUndefined();
  await writer.close();
  expect(good.kept).toEqual(['t2']);

  const bad = listener();
  bad.gate.fail = new SyncError('config_error', 'There is no key.', { origin: 'tidemark' });
  const other = destination(
    `rotate('t2'); setTimeout(() => writeFileSync('went-on', ''), 500); await take(); await sleep(1_000);`,
    bad.updates,
  );
  const second = await other.destination.open(writeInput().input);
  const written = (async () => {
    for await (const echo of second.write(nothing())) expect(echo).toBeUndefined();
  })();
  await expect(written).rejects.toMatchObject({
    kind: 'config_error',
    message: 'There is no key.',
  });
  await second.close();
  expect(existsSync(other.file('went-on'))).toBe(false);
});

test('what a destination printed before it was aborted is looked through', async () => {
  const { updates, kept, gate, heard, letThrough } = listener();
  gate.open = false;
  const one = destination(
    `rotate('t2'); writeFileSync('printed', ''); await sleep(100); rotate('t3'); writeFileSync('printed', 'both'); await forever();`,
    updates,
  );
  const write = writeInput();
  const writer = await one.destination.open(write.input);
  const endless = (async function* (): AsyncGenerator<Item> {
    await new Promise((resolve) => write.abort.signal.addEventListener('abort', resolve));
    yield* nothing();
  })();
  const written = (async () => {
    for await (const echo of writer.write(endless)) expect(echo).toBeUndefined();
  })();
  const ended = expect(written).rejects.toMatchObject({ code: 'aborted' });
  await eventually('the first is heard', () => heard.length > 0);
  await eventually('it has printed both', () => {
    const file = one.file('printed');
    return existsSync(file) && readFileSync(file, 'utf8') === 'both';
  });
  const reason = new SyncError('transient_error', 'Stopped.', {
    origin: 'tidemark',
    code: 'aborted',
  });
  write.abort.abort(reason);
  letThrough();
  await ended;
  await writer.close();
  expect(kept).toEqual(['t2', 't3']);
});

test('whoever takes no more echoes waits for an update on its way', async () => {
  const { updates, kept, gate, heard, letThrough } = listener();
  gate.open = false;
  const one = destination(
    `await take({ state: async (state) => { echo(state); while (!existsSync('go')) await sleep(10); rotate('t2'); } });`,
    updates,
  );
  const write = writeInput();
  const writer = await one.destination.open(write.input);
  const endless = (async function* (): AsyncGenerator<Item> {
    yield streamState(id('a'), { id: 1 });
    await new Promise((resolve) => write.abort.signal.addEventListener('abort', resolve));
  })();
  let ended = false;
  const written = (async () => {
    for await (const echo of writer.write(endless)) {
      expect(echo.checkpoint.scope).toBe('a');
      writeFileSync(one.file('go'), '');
      await eventually('it is heard', () => heard.length === 1);
      break;
    }
    ended = true;
  })();
  await eventually('it was killed', () => one.privateDirectories().length === 0);
  // Time enough to end, were there nothing to wait for.
  await sleep(200);
  expect({ ended, kept }).toEqual({ ended: false, kept: [] });
  letThrough();
  await written;
  write.abort.abort();
  await writer.close();
  expect(kept).toEqual(['t2']);
});
