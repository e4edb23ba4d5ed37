import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SyncError } from '../protocol/index.ts';
import { startDevServer, type DevServer } from './dev-server.ts';
import { natives } from './natives.ts';
import { runProcess, type Process } from './process.ts';
import { describeReady, runWorker, type Ready } from './run.ts';

/** Temporal's own defaults: clients find it without being told. */
const defaultPort = 7233;
const defaultUiPort = 8233;
const portMax = 65_535;

interface DevOptions {
  readonly database: string | undefined;
  readonly port: number;
  readonly uiPort: number;
  readonly json: boolean;
}

/** `tidemark dev`: a Temporal dev server on a file database with its web UI, and one worker, in one terminal. Ctrl-C ends both. */
async function run({ config, logger, ...rest }: Process, options: DevOptions): Promise<void> {
  const server = await startDevServer({
    directory: join(config.stateDir, 'dev'),
    ...(options.database !== undefined && { database: options.database }),
    port: options.port,
    uiPort: options.uiPort,
    cacheDir: config.cacheDir,
    notify: (line) => logger.info(line),
  });
  try {
    // The server just started, whatever TEMPORAL_* or a profile names.
    const temporal = {
      connectionOptions: { address: server.address },
      namespace: 'default',
    };
    const worker = runWorker({
      ...rest,
      natives,
      config: { ...config, temporal },
      logger,
      onReady: (ready) => console.log(announce(ready, server, options)),
    });
    await Promise.race([worker, failIfEnded(server)]);
  } finally {
    await server.stop();
  }
}

async function failIfEnded(server: DevServer): Promise<never> {
  const how = await server.ended;
  throw new SyncError('system_error', 'The Temporal dev server ended by itself.', {
    origin: 'tidemark',
    place: `process ${server.pid}: ${how}`,
    remedy: 'Start again: tidemark dev. Syncs continue at their last checkpoint.',
  });
}

function readOptions(): DevOptions {
  const { values } = parseArgs({
    options: {
      db: { type: 'string' },
      port: { type: 'string' },
      'ui-port': { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  return {
    database: values.db,
    port: portOf('--port', values.port ?? String(defaultPort)),
    uiPort: portOf('--ui-port', values['ui-port'] ?? String(defaultUiPort)),
    json: values.json === true,
  };
}

function portOf(option: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= portMax) return port;
  throw new SyncError('config_error', 'An option has a value that is not allowed.', {
    origin: 'tidemark',
    place: `${option} ${text}`,
    remedy: `Give ${option} a number from 1 to ${portMax}.`,
  });
}

function announce(ready: Ready, server: DevServer, options: DevOptions): string {
  if (options.json) return JSON.stringify({ ...ready, uiUrl: server.uiUrl });
  const elsewhere = options.port === defaultPort ? '' : `TEMPORAL_ADDRESS=${server.address} `;
  return [
    `Temporal  ${server.address}`,
    `Web UI    ${server.uiUrl ?? 'off'}`,
    describeReady(ready),
    'Next, in another terminal:',
    `  ${elsewhere}tidemark apply <file>          stores a connection and its schedule`,
    `  ${elsewhere}tidemark sync <connection>     syncs now, with live progress`,
  ].join('\n');
}

process.exit(await runProcess({ name: 'tidemark dev', readOptions, run }));
