import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer } from '../../worker/dev-server.ts';

export interface TestServer {
  readonly address: string;
  stop(): Promise<void>;
}

/** The server that the tests share, or one of this file's own. */
export async function testServer(): Promise<TestServer> {
  const address = process.env['TEST_TEMPORAL_ADDRESS'];
  if (address) return { address, stop: async () => undefined };
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-temporal-'));
  const server = await startDevServer({ directory });
  return {
    address: server.address,
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
