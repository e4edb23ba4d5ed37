import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** The port wished for, or any free one when that is taken. */
export async function freePort(wished: number): Promise<number> {
  for (const candidate of [wished, 0]) {
    const server = createServer();
    const listening = Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]);
    server.listen(candidate, '127.0.0.1');
    if (!(await listening)) continue;
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('No free port.');
}
