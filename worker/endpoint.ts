import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Logger } from '@temporalio/common';
import { notListening } from './address.ts';
import type { Health } from './health.ts';
import { describeError } from './logger.ts';

const connectionsMax = 64;
const requestMsMax = 10_000;
const plain = 'text/plain; charset=utf-8';

export interface Endpoint {
  readonly url: string;
  close(): Promise<void>;
}

export interface EndpointOptions {
  /** `ip:port`. */
  readonly address: string;
  readonly metrics: () => Promise<string>;
  /** Of the metrics' text. */
  readonly contentType: string;
  readonly health: Health;
  readonly logger: Logger;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
}

/** Serves `/metrics`, `/healthz` and `/readyz`, to whoever can reach it. Throws a config_error when it cannot listen there. */
export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { address, logger } = options;
  const server = createServer((request, response) => void reply(options, request, response));
  server.maxConnections = connectionsMax;
  server.requestTimeout = requestMsMax;
  server.headersTimeout = requestMsMax;
  const { hostname, port } = new URL(`http://${address}`);
  try {
    // A URL hides its scheme's own port.
    server.listen(Number(port || '80'), hostname.replaceAll(/[[\]]/g, ''));
    await once(server, 'listening');
  } catch (cause) {
    throw notListening('metricsAddress', address, cause);
  }
  server.on('error', (error) => logger.warn('Metrics endpoint', { error }));
  return {
    url: `http://${address}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function reply(
  options: EndpointOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const {
    status,
    text,
    type = plain,
  } = await answer(options, request).catch((error: unknown): Answer => {
    options.logger.warn('Metrics endpoint', { error: describeError(error) });
    return { status: 500, text: 'See the log of the worker.\n' };
  });
  // What a client sends after its head is nothing to us.
  request.resume();
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(request.method === 'HEAD' ? undefined : text);
}

async function answer(
  { metrics, contentType, health }: EndpointOptions,
  { method, url = '' }: IncomingMessage,
): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, text: 'Only GET.\n' };
  switch (url.replace(/\?.*/s, '')) {
    case '/metrics':
      return { status: 200, text: await metrics(), type: contentType };
    case '/healthz':
      return told(health.alive());
    case '/readyz':
      return told(await health.ready());
    default:
      return { status: 404, text: 'There are /metrics, /healthz and /readyz.\n' };
  }
}

function told(reason: string | null): Answer {
  return reason === null ? { status: 200, text: 'ok\n' } : { status: 503, text: `${reason}\n` };
}
