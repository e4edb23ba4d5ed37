import { relative } from 'node:path';
import {
  defaultPolicy,
  SyncError,
  type ConnectionSpec,
  type Progress,
  type SyncHandle,
  type SyncSummary,
} from '../../client/index.ts';
import type { Demo } from './house.ts';
import { sourceConfig, sourcePackage, streamName } from './manifest.ts';
import { countRows, heldCheckpoint } from './proof.ts';
import { count, seconds, type Screen } from './screen.ts';

const connection = 'birdstrikes';
const heartbeatTimeoutMs = 5_000;
const commitIntervalMsMax = 1_000;
const lookEveryMs = 250;

/** Syncs, kills the worker half-way, starts another, and proves what the table holds. */
export async function showResume(demo: Demo, keep: boolean): Promise<void> {
  const { screen, client } = demo;
  const first = await demo.startWorker();
  screen.done('Worker 1', `process ${first.pid}`);
  await install(demo);

  const startedAt = Date.now();
  screen.text('\nSyncing; the worker will be killed half-way.');
  const sync = await client.startSync(connection);
  const half = demo.api.records / 2;
  await watchUntil(demo, sync, ({ committed }) => committed.records >= half);
  const killedAt = Date.now();
  await first.kill();
  const held = await heldCheckpoint(demo.place.database);
  screen.broken('Worker 1', 'killed (SIGKILL)');
  screen.fact('Left behind', `${count(held.rows)} rows, and beside them the checkpoint`);
  screen.fact('', cursorText(held.state));

  const second = await demo.startWorker();
  screen.done('Worker 2', `process ${second.pid}`);
  const resumed = await watchUntil(demo, sync, (p) => p.attempt > 1 && p.phase === 'syncing');
  const from = resumed.resumedFrom[streamName];
  screen.done('Resumed', `${seconds(Date.now() - killedAt)} after the kill, from the checkpoint`);
  screen.fact('', from === undefined ? 'none: it began at the start' : cursorText(from));
  screen.text();
  await watchUntil(demo, sync, ({ phase }) => phase === 'ended');
  const summary = await sync.result();
  screen.keepProgress();
  await prove(demo, summary, Date.now() - startedAt);
  if (keep) await stayOpen(demo);
  else sayNext(demo);
}

/** The first use of the connector installs it; trying both ends is a use. */
async function install({ screen, client, api, place }: Demo): Promise<void> {
  const spec: ConnectionSpec = {
    name: connection,
    source: { connector: connection, config: sourceConfig(api.url) },
    destination: { connector: 'duckdb', config: { path: place.database } },
    streams: [
      { name: streamName, sync_mode: 'incremental', destination_sync_mode: 'append_dedup' },
    ],
    policy: { ...defaultPolicy, heartbeatTimeoutMs, commitIntervalMsMax },
  };
  screen.text(`    Installing ${sourcePackage} from PyPI. The first time this takes a minute.`);
  const startedAt = Date.now();
  const results = await client.check(spec);
  for (const { failure } of results)
    if (failure !== undefined) {
      const { kind, message, ...options } = failure;
      throw new SyncError(kind, message, options);
    }
  screen.done('Source', `${sourcePackage}, checked in ${seconds(Date.now() - startedAt)}`);
  await client.apply(spec);
}

/** Shows the progress until the condition holds; then the progress that met it. */
async function watchUntil(
  { screen, stop, api }: Demo,
  sync: SyncHandle,
  condition: (progress: Progress) => boolean,
): Promise<Progress> {
  let last: Progress | null = null;
  for await (const view of sync.watch({ everyMs: lookEveryMs, signal: stop })) {
    last = view.attempts[0]?.progress ?? last;
    if (view.summary !== null && last !== null) {
      const all = view.summary.records;
      const ended: Progress = { ...last, phase: 'ended' };
      screen.progress(all, api.records, `${count(all)} committed`);
      if (condition(ended)) return ended;
      throw endedEarly(view.summary);
    }
    if (last === null) continue;
    const { committed } = last;
    screen.progress(committed.records, api.records, `${count(committed.records)} committed`);
    if (condition(last)) {
      screen.keepProgress();
      return last;
    }
  }
  throw new Error('Interrupted');
}

function endedEarly({ failure }: SyncSummary): SyncError {
  if (failure !== undefined) {
    const { kind, message, ...options } = failure;
    return new SyncError(kind, message, options);
  }
  return new SyncError('system_error', 'The sync ended before it could be killed half-way.', {
    origin: 'tidemark',
    remedy: 'Run the demo again.',
  });
}

async function prove(
  { screen, place, api }: Demo,
  summary: SyncSummary,
  ms: number,
): Promise<void> {
  const { rows, missing, duplicated } = await countRows(place.database, api.records);
  const good = summary.outcome === 'succeeded' && missing === 0 && duplicated === 0;
  const told = `${summary.outcome} in ${seconds(ms)}, attempts: ${summary.attempts}`;
  if (good) screen.done('Sync', told);
  else screen.broken('Sync', told);
  screen.text('\nCounted by SQL in the DuckDB file:');
  screen.fact('Rows', `${count(rows)} of ${count(api.records)}`);
  screen.fact('Missing', count(missing));
  screen.fact('Duplicated', count(duplicated));
  sayAgain(screen, summary.records - rows);
  if (good) return;
  throw new SyncError('system_error', 'Records are missing or duplicated.', {
    origin: 'tidemark',
    place: place.database,
    remedy: `Keep this directory and report it: ${place.directory}`,
  });
}

/** What a source sends again is its own affair, and `append_dedup` keeps one of each. */
function sayAgain(screen: Screen, again: number): void {
  screen.text();
  if (again === 0) return;
  screen.text(
    `After the resume the source itself sent ${count(again)} records once more, which its state`,
  );
  screen.text('did not cover. append_dedup keeps one of each.\n');
}

/** `{"…","stream_state":{"flight_date":"1996-08-31"},…}`: only the cursor. */
function cursorText(state: string): string {
  return /"stream_state":\s*(\{[^}]*\})/.exec(state)?.[1] ?? state;
}

function sayNext({ screen, place }: Demo): void {
  const database = relative(process.cwd(), `${place.temporalDirectory}/temporal.db`);
  screen.text('Everything that was started is stopped. Next:');
  screen.fact('See it all', `node dist/client/main.js dev --db ${database}`);
  screen.fact(
    '',
    'then open http://127.0.0.1:8233: the killed attempt and the checkpoints are there',
  );
  screen.fact('Play', 'npm run demo -- --keep');
  screen.fact('Your data', 'docs/connectors.md');
}

async function stayOpen({ screen, server, stop }: Demo): Promise<void> {
  const cli = `TEMPORAL_ADDRESS=${server.address} node dist/client/main.js`;
  screen.text('Temporal and worker 2 stay until Ctrl-C. Next:');
  screen.fact('Web UI', `${server.uiUrl}`);
  screen.fact('Look', `${cli} status ${connection}`);
  screen.fact('Sync again', `${cli} sync ${connection}`);
  await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve()));
}
