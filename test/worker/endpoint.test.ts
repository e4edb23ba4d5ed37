import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { askTemporalOf, createHealth } from '../../worker/health.ts';
import { openEndpoint, type Endpoint } from '../../worker/endpoint.ts';
import { installRuntime } from '../../worker/runtime.ts';
import { createLogger } from '../../worker/logger.ts';
import { createRedactor } from '../../worker/redact.ts';
import type { WorkerState } from '../../worker/worker.ts';
import { freePort } from './free-port.ts';

const lines: string[] = [];
const logger = createLogger({
  level: 'INFO',
  redactor: createRedactor(),
  write: (line) => lines.push(line),
});
let stop: AbortController;
let states: readonly WorkerState[] | null;
let askTemporal: () => Promise<void>;
let metrics: () => Promise<string>;
let endpoint: Endpoint;

beforeEach(async () => {
  stop = new AbortController();
  states = null;
  askTemporal = async () => undefined;
  metrics = async () => 'a_total 1\n';
  endpoint = await openEndpoint({
    address: `127.0.0.1:${await freePort()}`,
    metrics: () => metrics(),
    contentType: 'text/plain; version=0.0.4',
    health: createHealth({
      stop: stop.signal,
      workers: () => (states === null ? null : { states: () => states! }),
      askTemporal: () => askTemporal(),
    }),
    logger,
  });
});
afterEach(() => endpoint.close());

async function get(path: string, init: RequestInit = {}): Promise<[number, string]> {
  const response = await fetch(`${endpoint.url}${path}`, init);
  return [response.status, (await response.text()).trim()];
}
const polling: WorkerState = { queue: 'q', state: 'RUNNING' };

test('alive and not ready while the workers start, then both', async () => {
  expect(await get('/healthz')).toEqual([200, 'ok']);
  expect(await get('/readyz')).toEqual([503, 'The worker is starting.']);
  states = [polling, polling];
  expect(await get('/healthz?probe=1')).toEqual([200, 'ok']);
  expect(await get('/readyz')).toEqual([200, 'ok']);
});

test('not ready, but alive, while Temporal is away', async () => {
  states = [polling];
  askTemporal = () => Promise.reject(new Error('dns hunter22.example'));
  expect(await get('/readyz')).toEqual([503, 'Temporal does not answer.']);
  expect(await get('/healthz')).toEqual([200, 'ok']);
});

test('neither while it drains, and neither once a worker has failed', async () => {
  states = [polling, { queue: 'q2', state: 'FAILED' }];
  const failed = [503, 'A worker does not poll its queue: it is FAILED.'];
  expect(await get('/healthz')).toEqual(failed);
  expect(await get('/readyz')).toEqual(failed);
  stop.abort();
  expect(await get('/healthz')).toEqual([503, 'The worker is shutting down.']);
  expect(await get('/readyz')).toEqual([503, 'The worker is shutting down.']);
});

test('a worker that fails while Temporal is asked is told', async () => {
  states = [polling];
  askTemporal = async () => {
    states = [{ queue: 'q', state: 'STOPPED' }];
  };
  expect((await get('/readyz'))[1]).toContain('STOPPED');
});

test('metrics are served as Prometheus reads them; why they cannot be is only in the log', async () => {
  const response = await fetch(`${endpoint.url}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4');
  expect(await response.text()).toBe('a_total 1\n');
  metrics = () => Promise.reject(new Error('broken'));
  expect(await get('/metrics')).toEqual([500, 'See the log of the worker.']);
  expect(lines.join('\n')).toContain('broken');
});

test('other paths and methods are refused, a HEAD has no body', async () => {
  expect((await get('/'))[0]).toBe(404);
  expect(await get('/metrics', { method: 'POST', body: 'x' })).toEqual([405, 'Only GET.']);
  expect(await get('/healthz', { method: 'HEAD' })).toEqual([200, '']);
});

test('it closes while a client holds its connection', async () => {
  const { hostname, port } = new URL(endpoint.url);
  const client = connect(Number(port), hostname);
  await once(client, 'connect');
  const ended = once(client, 'close');
  client.on('error', () => undefined);
  await endpoint.close();
  await ended;
  endpoint = { url: '', close: async () => undefined };
});

test('an address that is taken is refused with the setting that names it', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as { port: number };
  const address = `127.0.0.1:${port}`;
  const opening = openEndpoint({
    ...{ address, metrics, contentType: 'x', logger },
    health: { alive: () => null, ready: async () => null },
  });
  await expect(opening).rejects.toMatchObject({
    kind: 'config_error',
    place: `TIDEMARK_METRICS_ADDRESS ${address}: EADDRINUSE`,
  });
  expect(() => installRuntime(logger, address)).toThrow(
    expect.objectContaining({
      kind: 'config_error',
      place: expect.stringContaining(`TIDEMARK_TEMPORAL_METRICS_ADDRESS ${address}: `),
    }),
  );
  blocker.close();
});

test('many who ask at once are one question to Temporal', async () => {
  let asked = 0;
  const client = {
    connection: {
      withDeadline: (_: number, ask: () => Promise<unknown>) => ask(),
      workflowService: { getSystemInfo: async () => void (asked += 1) },
    },
  };
  const ask = askTemporalOf(client as unknown as Parameters<typeof askTemporalOf>[0]);
  await Promise.all([ask(), ask(), ask()]);
  await ask();
  expect(asked).toBe(1);
});
