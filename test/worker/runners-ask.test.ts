import { readSpec } from '../../worker/runners/child.ts';
import { connectorEnvironment } from '../../worker/runners/environment.ts';
import { fakeConnector, type FakeConnector, type FakeOptions } from './fake-connector.ts';

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

const signal = new AbortController().signal;
const answer = `
  log('INFO', 'hello');
  print('telemetry');
  if (verb === 'spec') print({ type: 'SPEC', spec: { connectionSpecification: { title: 'T' } } });
  if (verb === 'check') print({ type: 'CONNECTION_STATUS', connectionStatus: JSON.parse(readFileSync(arg('config'), 'utf8')) });
  if (verb === 'discover') print({ type: 'CATALOG', catalog: { streams: [{ name: 'a', json_schema: {} }] } });
  log('INFO', 'bye');
`;

test('hears an answer among log lines', async () => {
  const connector = fake(answer);
  expect(await readSpec(connector.options, signal)).toEqual({
    connectionSpecification: { title: 'T' },
  });
  await connector.source.check({ status: 'SUCCEEDED' }, signal);
  expect(await connector.source.discover({}, signal)).toMatchObject({ streams: [{ name: 'a' }] });
  expect(connector.log).toEqual(expect.arrayContaining(['INFO hello', 'telemetry', 'INFO bye']));
});

test('tells a failed check as the config error that the connector told', async () => {
  const config = { status: 'FAILED', message: 'wrong password: hunter2' };
  await expect(fake(answer).source.check(config, signal)).rejects.toMatchObject({
    kind: 'config_error',
    origin: 'source',
    message: 'wrong password: ****',
  });
});

test('tells the TRACE of a connector that fails, also if it answered before', async () => {
  const body = `${answer} traceError('no config', 'config_error'); process.exitCode = 1;`;
  await expect(fake(body).source.check({ status: 'SUCCEEDED' }, signal)).rejects.toMatchObject({
    kind: 'config_error',
    message: 'no config',
  });
});

test('tells the last words of a connector that gives no answer', async () => {
  await expect(
    fake(`console.error('cannot import: hunter2');`).source.discover({}, signal),
  ).rejects.toMatchObject({
    kind: 'system_error',
    remedy: expect.stringContaining('cannot import: ****') as string,
  });
  await expect(
    fake(`console.error('boom'); process.exit(9);`).source.check({}, signal),
  ).rejects.toMatchObject({
    message: 'The source exited with code 9.',
    remedy: expect.stringContaining('boom') as string,
  });
});

test('ends a connector that takes too long, and one that is no longer wanted', async () => {
  const slow = fake('forever();', { limits: { specMsMax: 300 } });
  await expect(readSpec(slow.options, signal)).rejects.toMatchObject({
    kind: 'transient_error',
    facts: { verb: 'spec', msMax: 300 },
  });
  const stop = new AbortController();
  const check = fake('forever();').source.check({}, stop.signal);
  stop.abort();
  await expect(check).rejects.toMatchObject({ code: 'aborted' });
});

test('passes on only what is listed of the environment', () => {
  const from = { PATH: '/bin', LC_ALL: 'C', AWS_SECRET: 's', API_TOKEN: 't', HTTP_PROXY: 'p' };
  expect(connectorEnvironment(['API_TOKEN', 'ABSENT'], from)).toEqual({
    PATH: '/bin',
    LC_ALL: 'C',
    API_TOKEN: 't',
  });
});
