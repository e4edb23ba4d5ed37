import { setTimeout as sleep } from 'node:timers/promises';
import type { SyncSummary } from '../../../client/index.ts';
import { commitsIn, type Committed } from '../../support/commit-journal.ts';
import { attemptsIn, sentIn, type SourceAttempt } from '../../support/exact-source.ts';
import type { Held } from '../../support/cluster-target.ts';
import { endMeeting, metAt, type Met } from '../../support/meeting.ts';
import type { RunningProcess } from '../../support/processes.ts';
import { eventually } from '../../worker/eventually.ts';
import { idOf, type Cell } from './cells.ts';
import type { Lane } from './lane.ts';
import { openScene, type Scene } from './scene.ts';
import {
  cutNetwork,
  endProcess,
  fillDisk,
  freeze,
  killServer,
  loseAnswer,
  restartServer,
  slowNetwork,
  type Strike,
} from './strikes.ts';

const meetMsMax = 60_000;
const resultMsMax = 240_000;
const pollMs = 100;

/** What a cell's sync did. Times: epoch ms. */
export interface Observed {
  readonly met: Met;
  readonly struckAt: number;
  /** When what was away was back, and of a worker that is restarted when it was gone; of a fault that is done at once: when it struck. */
  readonly overAt: number;
  readonly struck: boolean;
  /** The last record that the source had sent by the strike. */
  readonly sentAtStrike: number;
  readonly attempts: readonly SourceAttempt[];
  readonly commits: readonly Committed[];
  /** Records sent, over all attempts. */
  readonly sent: number;
  readonly summary: SyncSummary;
  readonly held: Held;
  /** See Scene. */
  readonly remains: readonly string[];
}

export interface CellOptions {
  /** How far the sync is, 0 to 1, when the fault strikes in its middle. */
  readonly share: number;
  /** Of a server that is away; absent: as the fault says. */
  readonly lastsMs?: number;
}

/**
 * One sync, struck once at the cell's instant, until it ends. Throws when it does not, or when something stays behind. `hear`: told at the end what
 * the workers have said.
 */
export async function runCell(
  cell: Cell,
  lane: Lane,
  options: CellOptions,
  hear: (said: string) => void = () => undefined,
): Promise<Observed> {
  const scene = await openScene(cell, lane, options);
  lane.users.add(scene);
  try {
    return await observe(cell, lane, scene, options);
  } finally {
    hear(scene.said());
    lane.users.delete(scene);
    await scene.close();
  }
}

async function observe(
  cell: Cell,
  lane: Lane,
  scene: Scene,
  { lastsMs }: CellOptions,
): Promise<Observed> {
  const { cluster, applied, meeting, journal } = scene;
  const worker = await scene.worker();
  const sync = await cluster.client.startSync(applied.name);
  await eventually(
    `the sync comes to the instant of ${idOf(cell)}`,
    () => metAt(meeting) !== null,
    meetMsMax,
  );
  const met = metAt(meeting)!;
  const sentAtStrike = attemptsIn(applied.directory).at(-1)!.sent.at(-1)!.to;
  // Whoever takes over from one that ends or freezes is there already.
  if (cell.victim === 'worker' && (cell.fault === 'term' || cell.fault === 'freeze'))
    await scene.worker();
  const struckAt = Date.now();
  const strike = await strikeAt(cell, lane, scene, { met, worker });
  try {
    endMeeting(meeting);
    await sleep(lastsMs ?? strike.lastsMs);
  } finally {
    await strike.end();
  }
  if (cell.victim === 'worker' && cell.fault === 'restart') await worker.exited;
  const isOverLater = strike.lastsMs > 0 || cell.fault === 'restart';
  const overAt = isOverLater ? (strike.backAt ?? Date.now()) : struckAt;
  if (cell.victim === 'worker' && (cell.fault === 'kill' || cell.fault === 'restart'))
    await scene.worker();
  const summary = await patiently(() => sync.result());
  return {
    ...{ met, struckAt, overAt, sentAtStrike, summary },
    struck: strike.struck(),
    attempts: attemptsIn(applied.directory),
    commits: commitsIn(journal),
    sent: sentIn(applied.directory),
    held: await scene.held(),
    remains: await scene.remains(),
  };
}

interface Scapegoats {
  readonly met: Met;
  readonly worker: RunningProcess;
}

async function strikeAt(
  { fault, victim, destination, instant }: Cell,
  { temporal }: Lane,
  { cluster, applied, server: ofDestination, disk }: Scene,
  { met, worker }: Scapegoats,
): Promise<Strike> {
  const proxy = victim === 'temporal' ? temporal.proxy : cluster.target.proxy!;
  const served = victim === 'destination' ? ofDestination : null;
  const server = victim === 'temporal' ? temporal : served;
  const pid = (): number => {
    if (victim === 'worker') return worker.pid;
    return victim === 'source' ? attemptsIn(applied.directory).at(-1)!.pid : met.pid;
  };
  switch (fault) {
    case 'kill':
      return server !== null ? killServer(server) : endProcess(pid(), 'SIGKILL');
    case 'term':
      return endProcess(pid(), 'SIGTERM');
    case 'freeze':
      return freeze(server !== null ? server.pids() : [pid()]);
    case 'restart':
      return server !== null ? restartServer(server) : endProcess(pid(), 'SIGTERM');
    case 'cut':
      return cutNetwork(proxy);
    case 'slow':
      return slowNetwork(proxy);
    case 'lost': {
      const isCommit = victim === 'destination' && (instant === 'commit' || instant === 'publish');
      return loseAnswer(proxy, isCommit ? commitText(destination) : '');
    }
    case 'disk':
      return fillDisk(disk!);
  }
}

/** What a piece of traffic that commits has in it. */
const commitText = (destination: Cell['destination']): string =>
  destination === 's3' ? '.json?x-id=PutObject' : 'COMMIT';

/** A call that was open when Temporal went away fails; what it asked for is still there. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + resultMsMax; ; await sleep(pollMs)) {
    const late = new Promise<never>((_, reject) =>
      setTimeout(
        () => reject(new Error('The sync did not end in time.')),
        deadline - Date.now(),
      ).unref(),
    );
    try {
      return await Promise.race([ask(), late]);
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
  }
}
