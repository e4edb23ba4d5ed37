import type { ConnectionSpec, JsonObject, SyncFailure } from '../../client/index.ts';
import {
  exactConnector,
  openCluster,
  tokenVariable,
  type Applied,
  type Cluster,
} from '../support/cluster.ts';
import { urlVariable } from '../support/cluster-target.ts';
import { attemptsIn } from '../support/exact-source.ts';
import { failingSync } from './failing.ts';

type Change = (spec: ConnectionSpec) => ConnectionSpec;

const policy = { attemptsWithoutProgressMax: 2 };
const withConfig =
  (config: JsonObject): Change =>
  (spec) => ({ ...spec, source: { ...spec.source, config: { ...spec.source.config, ...config } } });

async function changed(cluster: Cluster, change: Change): Promise<Applied> {
  const applied = await cluster.connection({ policy });
  await cluster.client.apply(change(applied.spec));
  return applied;
}

describe('what a person must correct fails at once, and says where and how', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await openCluster({ target: 'postgres' });
    await cluster.worker();
  });
  afterAll(() => cluster.close());

  const containing = (text: string): string => expect.stringContaining(text) as unknown as string;
  const refused: readonly [string, Change, Partial<SyncFailure>][] = [
    [
      'an unknown connector',
      (spec) => ({ ...spec, source: { ...spec.source, connector: 'exakt' } }),
      { place: 'exakt', remedy: containing(`Did you mean ${exactConnector}?`) },
    ],
    [
      'an unknown connector as the destination',
      (spec) => ({ ...spec, destination: { ...spec.destination, connector: 'postgers' } }),
      {
        origin: 'destination',
        place: 'postgers',
        remedy: containing('Did you mean postgres?'),
      },
    ],
    [
      'a file that may not be touched, of a destination that is bound to its host',
      (spec) => ({
        ...spec,
        destination: { connector: 'duckdb', config: { path: '/nowhere/target.duckdb' } },
      }),
      { origin: 'destination', place: containing('/nowhere/target.duckdb') },
    ],
    [
      'a config that the spec refuses',
      withConfig({ records: 'many' }),
      { place: containing('records') },
    ],
    [
      'a secret that the connector may not have',
      withConfig({ token: '${env:HOME}' }),
      { place: containing('${env:HOME}'), remedy: containing('secrets: [HOME]') },
    ],
    [
      'a secret that is not set',
      withConfig({ token: '${env:E2E_ABSENT}' }),
      { place: containing('${env:E2E_ABSENT}') },
    ],
    [
      'a secret that is written out',
      withConfig({ token: 'hunter2-hunter2' }),
      { place: containing('token') },
    ],
    [
      'a stream that the source does not have',
      (spec) => ({ ...spec, streams: [{ name: 'itmes' }] }),
      {},
    ],
  ];
  test.each(refused)('%s', async (_, change, expected) => {
    const applied = await changed(cluster, change);
    const failure = await failingSync(cluster, applied);
    expect(failure).toMatchObject({ kind: 'config_error', origin: 'source', ...expected });
    expect(JSON.stringify(failure)).not.toContain('hunter2');
    // Nothing was read, and a person's mistake is not tried again.
    expect(attemptsIn(applied.directory)).toEqual([]);
    const { history } = await cluster.client.status(applied.name);
    for (const { attempts } of history) expect(attempts).toBeLessThanOrEqual(1);
  });
});

describe('what is wrong on the worker side is told as that', () => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = await openCluster({ target: 'postgres' });
  });
  afterEach(() => cluster.close());

  test('an allowed secret that the worker lacks', async () => {
    await cluster.worker({ [tokenVariable]: '' });
    const applied = await changed(cluster, withConfig({ token: `\${env:${tokenVariable}}` }));
    expect(await failingSync(cluster, applied)).toMatchObject({
      kind: 'config_error',
      origin: 'source',
      place: `${exactConnector} /token \${env:${tokenVariable}}`,
      remedy: expect.stringContaining(tokenVariable),
    });
  });

  test('a database that cannot be reached is tried again, then told', async () => {
    const nobody = 'postgres://somebody:opensesame@127.0.0.1:1/nowhere';
    await cluster.worker({ [urlVariable]: nobody });
    const applied = await changed(cluster, (spec) => spec);
    const failure = await failingSync(cluster, applied);
    expect(failure).toMatchObject({ kind: 'transient_error', origin: 'destination' });
    expect(failure.place).toContain('127.0.0.1');
    expect(JSON.stringify(failure)).not.toContain('opensesame');
    const { history } = await cluster.client.status(applied.name);
    expect(history[0]!.attempts).toBeGreaterThan(1);
  });

  test('a database that refuses the login is not tried again', async () => {
    const { database, env } = cluster.target;
    const role = `refused_${Date.now()}`;
    await database!.query(`CREATE ROLE ${role} NOLOGIN`);
    const url = new URL(env[urlVariable]!);
    url.username = role;
    await cluster.worker({ [urlVariable]: url.href });
    const applied = await changed(cluster, (spec) => spec);
    const failure = await failingSync(cluster, applied);
    await database!.query(`DROP ROLE ${role}`);
    expect(failure).toMatchObject({ kind: 'config_error', origin: 'destination' });
  });
});
