import { relative } from 'node:path';
import { createSyncClient, type SyncClient } from '../../client/index.ts';
import { startDevServer, type DevServer } from '../../worker/dev-server.ts';
import { serveBirdstrikes, type BirdstrikesApi } from './birdstrikes-api.ts';
import { freePort } from './free-port.ts';
import { enterPlace, requirePython, type DemoPlace } from './place.ts';
import { count, type Screen } from './screen.ts';
import { spawnWorker, type DemoWorker } from './worker-process.ts';

const uiPortWished = 8233;
const taskQueue = 'tidemark';

/** Everything the demo runs on. */
export interface Demo {
  readonly screen: Screen;
  readonly place: DemoPlace;
  readonly api: BirdstrikesApi;
  readonly server: DevServer;
  readonly client: SyncClient;
  /** Aborted: the demo ends. */
  readonly stop: AbortSignal;
  startWorker(): Promise<DemoWorker>;
}

/** What ends the things that were started, in the order they were. */
export type Ends = (() => void | Promise<void>)[];

export async function openDemo(screen: Screen, ends: Ends, stop: AbortSignal): Promise<Demo> {
  requirePython();
  const place = enterPlace();
  ends.push(() => place.leave());
  const api = await serveBirdstrikes();
  ends.push(() => api.close());
  screen.done('Records', `${count(api.records)} real bird strikes, served at ${api.url}`);
  screen.done('Destination', `DuckDB, ${relative(process.cwd(), place.database)}`);

  const server = await startDevServer({
    directory: place.temporalDirectory,
    uiPort: await freePort(uiPortWished),
    notify: (line) => screen.text(`    ${line}`),
  });
  ends.push(() => server.stop());
  screen.done('Temporal', `${server.address}, web UI ${server.uiUrl}`);
  const client = await createSyncClient({ client: { address: server.address }, taskQueue });
  ends.push(() => client.close());

  const startWorker = async (): Promise<DemoWorker> => {
    stop.throwIfAborted();
    const worker = spawnWorker({
      directory: place.directory,
      logFile: place.logFile,
      env: {
        TEMPORAL_ADDRESS: server.address,
        TEMPORAL_NAMESPACE: 'default',
        TIDEMARK_TASK_QUEUE: taskQueue,
        TIDEMARK_CONNECTORS: place.connectorsFile,
        TIDEMARK_STATE_DIR: place.stateDirectory,
      },
    });
    ends.push(() => worker.stop());
    await worker.ready();
    return worker;
  };
  return { screen, place, api, server, client, stop, startWorker };
}
