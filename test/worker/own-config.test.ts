import { randomBytes } from 'node:crypto';
import type { ConfigRoad } from '../../activities/deps.ts';
import {
  defaultPolicy,
  fromFailure,
  isSyncFailure,
  newConnection,
  SyncError,
  type ConnectionState,
  type ControlMessage,
  type Epoch,
  type JsonObject,
} from '../../protocol/index.ts';
import { createKeyRing, type KeyRing } from '../../worker/keys.ts';
import { openOwnConfig, type OwnConfig, type OwnConfigOptions } from '../../worker/own-config.ts';
import { createRedactor } from '../../worker/redact.ts';
import { refusals } from '../../workflows/messages.ts';
import { forget, remember, rememberRefusal } from '../../workflows/updates-state.ts';

const newKey = (): string => randomBytes(32).toString('base64');
const key = newKey();
const schema: JsonObject = {
  type: 'object',
  properties: {
    account: { type: 'string' },
    credentials: {
      type: 'object',
      properties: {
        refresh_token: { type: 'string', airbyte_secret: true },
        access_token: { type: 'string', airbyte_secret: true },
      },
    },
  },
};
const applied: JsonObject = { account: 'shop', credentials: { refresh_token: 'refresh-1' } };

/** A connection as its workflow keeps it, and the roads of several runs to it. */
function connection() {
  const spec = {
    ...{ name: 'orders', policy: defaultPolicy },
    ...{ source: { connector: 'crm', config: {} }, destination: { connector: 'lake', config: {} } },
  };
  let state: ConnectionState = newConnection('uuid', spec);
  let requests = 0;
  const faults = { loseAnswer: 0, fail: null as Error | null };
  const road = (epoch?: Epoch): ConfigRoad => ({
    connection: { id: 'uuid', name: 'orders' },
    ...(epoch !== undefined && { epoch }),
    held: async (end) => state.updates?.[end] ?? null,
    async remember(update) {
      requests += 1;
      await Promise.resolve();
      if (faults.fail !== null) throw faults.fail;
      const request = { ...update, connectionId: 'uuid', ...(epoch && { epoch }) };
      const refusal = rememberRefusal(state, request);
      const failure = refusal?.details?.[0];
      if (refusal !== null && refusal.type !== refusals.superseded)
        throw isSyncFailure(failure) ? fromFailure(failure) : refusal;
      if (refusal === null) state = remember(state, request, `at ${requests}`);
      // As when the answer is lost, and the workflow has continued as new before it is asked again.
      if (refusal === null && faults.loseAnswer-- <= 0) return { type: 'kept' };
      return { type: 'superseded', by: state.updates?.[update.end] ?? null };
    },
  });
  return {
    road,
    faults,
    get update() {
      return state.updates?.source ?? null;
    },
    get requests() {
      return requests;
    },
    forget: () => void (state = forget(state, null, 'now').state),
  };
}

const redactor = createRedactor();
const log: string[] = [];
beforeEach(() => void log.splice(0));

const open = (road: ConfigRoad | null, parts: Partial<OwnConfigOptions> = {}): Promise<OwnConfig> =>
  openOwnConfig({
    ...{ end: 'source', connector: 'crm', applied, schema, road, redactor },
    ...{ keys: createKeyRing([key]), rotates: null, sending: new Map() },
    log: (line) => log.push(line),
    ...parts,
  });

const control = (config?: JsonObject): ControlMessage => ({
  type: 'CONTROL',
  control: {
    ...{ type: 'CONNECTOR_CONFIG', emitted_at: 1 },
    ...(config !== undefined && { connectorConfig: { config } }),
  },
});
const token = (refresh_token: string, more: JsonObject = {}): JsonObject => ({
  account: 'shop',
  credentials: { refresh_token, ...more },
});

/** One run: it was told the config, and Temporal has it. */
async function told(own: OwnConfig, config: JsonObject): Promise<void> {
  own.hear(control(config));
  await own.kept();
}

const refused = (work: Promise<unknown>): Promise<SyncError> =>
  work.then(
    () => {
      throw new Error('It was accepted.');
    },
    (error: unknown) => {
      if (error instanceof SyncError) return error;
      throw error;
    },
  );

test('a rotated token is given to the next run, with what a person applied since beside it', async () => {
  const { road } = connection();
  const first = await open(road());
  expect(first.current).toEqual(applied);
  await told(first, token('refresh-2'));
  expect(first.current).toEqual(token('refresh-2'));
  const other = { ...applied, account: 'other' };
  const next = await open(road(), { applied: other });
  expect(next.current).toEqual({ account: 'other', credentials: { refresh_token: 'refresh-2' } });
  expect(next.notice).toBeNull();
  await told(next, { credentials: { access_token: 'access-3' } });
  expect((await open(road())).current).toEqual(token('refresh-2', { access_token: 'access-3' }));
});

test('only the encrypted changes are kept; what it was given anyway is no news', async () => {
  const world = connection();
  const own = await open(world.road());
  own.hear(control());
  own.hear(control(applied));
  own.hear(control({ credentials: { refresh_token: 'refresh-1' } }));
  await own.kept();
  expect(world.requests).toBe(0);
  await told(own, token('refresh-2'));
  expect(world.update).toMatchObject({ no: 1, keys: ['/credentials/refresh_token'] });
  expect(JSON.stringify(world.update)).not.toMatch(/refresh-\d|shop/);
  // Set back to what is applied, it is a reference again.
  await told(own, token('refresh-1', { access_token: 'access-2' }));
  expect(world.update).toMatchObject({ no: 2, keys: ['/credentials/access_token'] });
});

test('a new secret is masked as soon as it is heard, whatever the spec says of it', async () => {
  const own = await open(connection().road());
  own.hear(control(token('refresh-77', { unknown: 'unknown-77' })));
  expect(redactor.redact('got refresh-77, unknown-77, shop')).toBe('got ****, ****, shop');
});

test('several updates that wait go as one; nothing is lost, and the last word counts', async () => {
  const world = connection();
  const own = await open(world.road());
  for (let n = 2; n <= 9; n += 1)
    own.hear(control(token(`refresh-${n}`, n === 5 ? { access_token: 'access-5' } : {})));
  await own.kept();
  expect(world.requests).toBe(1);
  const next = await open(world.road());
  expect(next.current).toEqual(token('refresh-9', { access_token: 'access-5' }));
});

test('another value that a person put at a changed key wins, and it is told', async () => {
  const { road } = connection();
  await told(await open(road()), token('refresh-2'));
  const renewed = token('refresh-by-hand');
  const own = await open(road(), { applied: renewed });
  expect(own.current).toEqual(renewed);
  expect(own.notice).toContain('credentials.refresh_token');
  expect(own.notice).not.toMatch(/refresh-\d/);
  expect(log.join()).toContain('is not used');
  // A worker that still has the old value goes on with what belongs to that.
  expect((await open(road())).current).toEqual(token('refresh-2'));
  await told(own, token('refresh-3'));
  expect((await open(road(), { applied: renewed })).current).toEqual(token('refresh-3'));
});

test('what a person had forgotten is not used any more', async () => {
  const { road, forget: drop } = connection();
  const own = await open(road());
  await told(own, token('refresh-2', { access_token: 'access-2' }));
  drop();
  expect((await open(road())).current).toEqual(applied);
  await told(own, token('refresh-3'));
  // What was forgotten does not come back with what was changed since.
  expect((await open(road())).current).toEqual(token('refresh-3'));
});

test('two runs at once: both keys are kept, and of one key what was told later', async () => {
  const { road } = connection();
  const [one, two] = [await open(road()), await open(road())];
  await told(one, { credentials: { refresh_token: 'refresh-2' } });
  await told(two, { credentials: { access_token: 'access-2' } });
  expect((await open(road())).current).toEqual(token('refresh-2', { access_token: 'access-2' }));
  await told(one, { credentials: { access_token: 'access-3' } });
  expect((await open(road())).current).toEqual(token('refresh-2', { access_token: 'access-3' }));
});

test("a fenced-off run does not take the place of a newer run's token; but alone its token counts", async () => {
  const { road } = connection();
  const [older, newer] = [
    { syncNo: 1, at: 1 },
    { syncNo: 1, at: 2 },
  ];
  const [old, young] = [await open(road(older)), await open(road(newer))];
  // The newer one has kept nothing yet: this may be the only token that works.
  await told(old, token('refresh-2'));
  expect((await open(road())).current).toEqual(token('refresh-2'));
  await told(young, token('refresh-3'));
  old.hear(control(token('refresh-stale')));
  expect(await refused(old.kept())).toMatchObject({ code: 'fenced', kind: 'transient_error' });
  expect((await open(road())).current).toEqual(token('refresh-3'));
});

test('an answer that was lost is recognised, and nothing is kept twice', async () => {
  const world = connection();
  const own = await open(world.road());
  world.faults.loseAnswer = 1;
  await told(own, token('refresh-2'));
  expect(world.update).toMatchObject({ no: 1 });
  await told(own, token('refresh-3'));
  expect(world.update).toMatchObject({ no: 2 });
});

test('once an update could not be kept the run fails for good, and the next opening waits for one on its way', async () => {
  const world = connection();
  const sending = new Map<string, Promise<unknown>>();
  const own = await open(world.road(), { sending });
  own.hear(control(token('refresh-2')));
  const kept = own.kept();
  const next = open(world.road(), { sending });
  await kept;
  expect((await next).current).toEqual(token('refresh-2'));
  world.faults.fail = new SyncError('transient_error', 'Temporal is away.', { origin: 'tidemark' });
  own.hear(control(token('refresh-3')));
  await expect(own.kept()).rejects.toThrow('Temporal is away.');
  world.faults.fail = null;
  await expect(own.kept()).rejects.toThrow('Temporal is away.');
  expect(sending.size).toBe(0);
  expect(log.join()).toContain('authenticate again');
});

test('an update that is too large is refused', async () => {
  const own = await open(connection().road());
  own.hear(control(token('r'.repeat(64 * 1024))));
  expect(await refused(own.kept())).toMatchObject({ kind: 'system_error' });
});

test.each<[string, KeyRing, boolean, string]>([
  ['without a key', createKeyRing([]), true, 'TIDEMARK_KEY'],
  ['of no stored connection', createKeyRing([key]), false, 'tidemark apply'],
])(
  '%s a changed config is refused, with what to do about the lost token',
  async (_, keys, has, remedy) => {
    const { road } = connection();
    const own = await open(has ? road() : null, { keys });
    own.hear(control(applied));
    await own.kept();
    own.hear(control(token('refresh-2')));
    const error = await refused(own.kept());
    expect(error).toMatchObject({ kind: 'config_error', origin: 'tidemark' });
    expect(error.place).toContain('source crm');
    expect(error.remedy).toContain('authenticate again');
    expect(error.remedy).toContain(remedy);
  },
);

const expiring: JsonObject = {
  type: 'object',
  properties: {
    credentials: {
      oneOf: [
        { type: 'object', properties: { api_key: { type: 'string' } } },
        {
          type: 'object',
          properties: { refresh_token: { type: 'string' }, token_expiry_date: { type: 'string' } },
        },
      ],
    },
  },
};

test('a connector that is known to rotate is refused before it runs where nothing could be kept', async () => {
  const { road } = connection();
  const keyless = { keys: createKeyRing([]) };
  for (const parts of [{ schema: expiring }, { rotates: true }]) {
    const error = await refused(open(road(), { ...keyless, ...parts }));
    expect(error).toMatchObject({ kind: 'config_error', place: 'orders source crm' });
    expect(error.remedy).toContain('openssl rand -base64 32');
    expect((await refused(open(null, parts))).remedy).toContain('Apply the connection first');
    await open(road(), parts);
  }
  await open(road(), { ...keyless, schema: expiring, rotates: false });
  await open(road(), {
    ...{ ...keyless, schema: expiring },
    applied: { credentials: { api_key: 'k' } },
  });
});

test('an update under another key is told with its id, and nothing runs', async () => {
  const { road } = connection();
  await told(await open(road()), token('refresh-2'));
  const error = await refused(open(road(), { keys: createKeyRing([newKey()]) }));
  expect(error.place).toMatch(/orders source crm: key [0-9a-f]{8}; this worker has [0-9a-f]{8}/);
  const rotated = await open(road(), { keys: createKeyRing([newKey(), key]) });
  expect(rotated.current).toEqual(token('refresh-2'));
});
