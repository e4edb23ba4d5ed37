import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/client/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function tidemark(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ended> {
  if (!existsSync(main)) throw new Error(`There is no ${main}. Build it: npm run build`);
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, ...environment };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...args], { env }, (_, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });
}

test('the built program explains itself', async () => {
  const { code, out } = await tidemark(['--help']);
  expect(code).toBe(0);
  expect(out).toContain('Exit codes: 0 done, 1 failed, 2 usage or config error, 3 partial.');
});

test('a wrong argument exits with 2 and says so on stderr', async () => {
  const { code, out, err } = await tidemark(['synk', 'orders']);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain('Did you mean sync?');
});

test('a server that nobody runs, or that says nothing, is one clear line with the remedy, and exit code 2', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const addresses = ['127.0.0.1:1', `127.0.0.1:${port}`];
  try {
    const ended = await Promise.all(
      addresses.map((address) => tidemark(['status'], { TEMPORAL_ADDRESS: address })),
    );
    for (const [i, { code, out, err }] of ended.entries()) {
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err.trim().split('\n')).toHaveLength(1);
      expect(err).toContain(addresses[i]);
      expect(err).toContain('tidemark dev');
      expect(err).toContain('TEMPORAL_ADDRESS');
    }
  } finally {
    silent.close();
  }
});

test('a broken profile file is a config error', async () => {
  const { code, err } = await tidemark(['status'], { TEMPORAL_CONFIG_FILE: main });
  expect(code).toBe(2);
  expect(err).toContain('TEMPORAL_CONFIG_FILE');
});
