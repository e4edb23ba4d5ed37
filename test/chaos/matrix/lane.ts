import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer, type DevServer } from '../../../worker/dev-server.ts';
import { startMysql } from '../../support/mysql-server.ts';
import { startPostgres, type RunningServer } from '../../support/postgres-server.ts';
import { isRunning, isStopped } from '../../support/processes.ts';
import { startS3 } from '../../support/s3-server.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import type { Serving } from './cells.ts';
import type { Killable } from './strikes.ts';

/** A Temporal server that may be harmed. It keeps its port and its database. */
export interface OwnTemporal extends Killable {
  readonly address: string;
  /** Between it and the workers. */
  readonly proxy: TcpProxy;
}

/** Servers of its own for cells that run one after the other. */
export interface Lane {
  /** A destination's, started for the first who asks for it. */
  server(this: void, destination: Serving): Promise<RunningServer>;
  readonly temporal: OwnTemporal;
  /** What uses the servers now: closed before them. */
  readonly users: Set<{ close(): Promise<void> }>;
  close(): Promise<void>;
}

const startOf: Readonly<Record<Serving, () => Promise<RunningServer>>> = {
  postgres: startPostgres,
  mysql: () => startMysql('mysql'),
  s3: startS3,
};

export async function openLane(): Promise<Lane> {
  const started = new Map<Serving, Promise<RunningServer>>();
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-temporal-'));
  let server: DevServer = await startDevServer({ directory });
  const [host, port] = [server.address.split(':')[0]!, Number(server.address.split(':')[1])];
  const proxy = await startTcpProxy({ host, port });
  const start = async (): Promise<void> => {
    server = await startDevServer({ directory, port });
  };
  const users: Lane['users'] = new Set();
  return {
    users,
    server(destination) {
      const running = started.get(destination) ?? startOf[destination]();
      started.set(destination, running);
      return running;
    },
    temporal: {
      address: server.address,
      proxy,
      pids: () => (isRunning(server) ? [server.pid] : []),
      async kill() {
        process.kill(server.pid, 'SIGKILL');
        await server.ended;
      },
      start,
      async restart() {
        await server.stop();
        await start();
      },
    },
    async close() {
      const servers = (await Promise.allSettled(started.values())).flatMap((one) =>
        one.status === 'fulfilled' ? [one.value] : [],
      );
      // What is frozen answers to nobody.
      for (const pid of [...servers.flatMap((one) => one.pids()), server.pid])
        if (isStopped({ pid })) process.kill(pid, 'SIGCONT');
      await Promise.allSettled([...users].map((user) => user.close()));
      await proxy.close();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
      await Promise.all(servers.map((one) => one.stop()));
    },
  };
}
