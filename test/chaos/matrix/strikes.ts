import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningServer } from '../../support/postgres-server.ts';
import { isRunning, isStopped } from '../../support/processes.ts';
import type { SmallDisk } from '../../support/small-disk.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';
import { eventually } from '../../worker/eventually.ts';
import { heartbeatTimeoutMs } from './scene.ts';

/** How long a server is away, a network cut or slow, a disk full. */
export const awayMs = 5_000;
/** Longer than what is frozen may be silent. */
export const frozenMs = heartbeatTimeoutMs + awayMs;
/** Bytes a second: a hundredth of what the sync sends. */
const slowBytesPerSecond = 1_000;
const fullPollMs = 100;

/** A fault that has begun. */
export interface Strike {
  /** How long it lasts; 0: it is done. */
  readonly lastsMs: number;
  /** Of a server that is back by now. */
  readonly backAt?: number;
  /** Ends it: what was away is back when this resolves. */
  end(): Promise<void>;
  /** After all: whether it was felt at all. */
  struck(): boolean;
}

const nothing = (): Promise<void> => Promise.resolve();

/** SIGKILL or SIGTERM of processes that somebody else replaces. */
export function endProcess(pid: number, signal: 'SIGKILL' | 'SIGTERM'): Strike {
  const was = isRunning({ pid });
  if (was) process.kill(pid, signal);
  return {
    lastsMs: 0,
    end: () => eventually(`process ${pid} is gone`, () => !isRunning({ pid })),
    struck: () => was,
  };
}

export function freeze(pids: readonly number[]): Strike {
  const running = pids.filter((pid) => isRunning({ pid }));
  for (const pid of running) process.kill(pid, 'SIGSTOP');
  return {
    lastsMs: frozenMs,
    async end() {
      await eventually('all are frozen', () => running.every((pid) => isStopped({ pid })));
      for (const pid of running) process.kill(pid, 'SIGCONT');
    },
    struck: () => running.length > 0,
  };
}

export type Killable = Pick<RunningServer, 'pids' | 'kill' | 'start' | 'restart'>;

export async function killServer(server: Killable, lastsMs: number = awayMs): Promise<Strike> {
  const before = server.pids();
  await server.kill();
  return {
    lastsMs,
    end: () => server.start(),
    struck: () => before.length > 0 && !before.some((pid) => isRunning({ pid })),
  };
}

/** It is back when this resolves. */
export async function restartServer(server: Killable): Promise<Strike> {
  const before = server.pids();
  await server.restart();
  return {
    ...{ lastsMs: 0, backAt: Date.now(), end: nothing },
    struck: () => before.length > 0 && !before.some((pid) => isRunning({ pid })),
  };
}

export function cutNetwork(proxy: TcpProxy): Strike {
  const before = proxy.cuts;
  proxy.away(true);
  const end = async (): Promise<void> => proxy.away(false);
  return { lastsMs: awayMs, end, struck: () => proxy.cuts > before };
}

export function slowNetwork(proxy: TcpProxy): Strike {
  const before = proxy.held;
  proxy.throttle(slowBytesPerSecond);
  const end = async (): Promise<void> => proxy.throttle(null);
  return { lastsMs: awayMs, end, struck: () => proxy.held > before };
}

/** The answer to what is said next. `text`: to what holds it. */
export function loseAnswer(proxy: TcpProxy, text = ''): Strike {
  const before = proxy.cuts;
  proxy.cutAt({ from: 'client', text, loseAnswer: true });
  return { lastsMs: 0, end: nothing, struck: () => proxy.cuts > before };
}

/** What others give back while it lasts is taken too. */
export async function fillDisk(disk: SmallDisk): Promise<Strike> {
  await disk.fill();
  let isOver = false;
  const filling = (async () => {
    while (!isOver) {
      await disk.fill();
      await sleep(fullPollMs);
    }
  })();
  const wasFull = disk.isFull;
  return {
    lastsMs: awayMs,
    async end() {
      isOver = true;
      await filling;
      disk.free();
    },
    struck: () => wasFull,
  };
}
