import {
  openCluster,
  sourceUrlVariable,
  type Cluster,
  type ClusterOptions,
} from '../../test/support/cluster.ts';
import { freePort } from '../../test/support/postgres-server.ts';
import type { RunningProcess } from '../../test/support/processes.ts';
import type { TestDatabase } from '../../test/support/postgres.ts';
import type { Policy } from '../../client/index.ts';
import { differing, figuresOf, type Figures, type System } from './items.ts';

/** The table that is copied. */
export interface Source {
  readonly database: TestDatabase;
  readonly rows: number;
  readonly figures: Figures;
}

/** A worker whose reading can be asked for. */
export interface CountedWorker {
  readonly process: RunningProcess;
  /** Records that its writers took so far, in all their attempts. */
  read(): Promise<number>;
}

/** A destination of its own, with workers of the build and a connection that appends the whole table. */
export interface Bed {
  readonly cluster: Cluster;
  readonly connection: string;
  worker(): Promise<CountedWorker>;
  /** Rows at the destination. */
  rows(): Promise<number>;
  /** What of the table is otherwise there; empty: it is equal. */
  differing(): Promise<readonly string[]>;
}

export async function withBed<T>(
  source: Source,
  target: ClusterOptions['target'] & System,
  policy: Policy,
  work: (bed: Bed) => Promise<T>,
): Promise<T> {
  const cluster = await openCluster({ target });
  try {
    return await work(await bedOf(cluster, source, target, policy));
  } finally {
    await cluster.close();
  }
}

async function bedOf(
  cluster: Cluster,
  { database, figures }: Source,
  target: System,
  policy: Policy,
): Promise<Bed> {
  const ask = (sql: string) => cluster.target.ask(sql);
  const connection = await cluster.apply({
    source: { connector: 'postgres', config: { url: `\${env:${sourceUrlVariable}}` } },
    // Nothing hides a row that comes twice.
    streams: [
      {
        ...{ name: 'items', namespace: 'public' },
        ...{ sync_mode: 'full_refresh', destination_sync_mode: 'append' },
      },
    ],
    policy,
  });
  return {
    cluster,
    connection,
    async worker() {
      const address = `127.0.0.1:${await freePort()}`;
      const process = await cluster.worker({
        [sourceUrlVariable]: database.url,
        TIDEMARK_METRICS_ADDRESS: address,
      });
      return { process, read: () => readAt(address, connection) };
    },
    async rows() {
      const [row] = (await ask('SELECT count(*) AS n FROM public.items')) ?? [];
      return Number(row?.['n'] ?? 0);
    },
    differing: async () => differing(figures, await figuresOf(target, ask)),
  };
}

/** The worker's own count, as Prometheus would be told it: up to this moment, where a heartbeat's is up to a second old. */
async function readAt(address: string, connection: string): Promise<number> {
  const answer = await fetch(`http://${address}/metrics`);
  const name = `tidemark_records_read_total{connection="${connection}"} `;
  const line = (await answer.text()).split('\n').find((one) => one.startsWith(name));
  return Number(line?.slice(name.length) ?? 0);
}
