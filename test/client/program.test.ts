import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  pausedFailure,
  SyncError,
  type ConnectionSpec,
  type SyncFailure,
} from '../../protocol/index.ts';
import type { EditRequest } from '../../client/index.ts';
import { fakeHandle, noSuchConnection, run } from './fake-io.ts';
import { attempt, connectionState, schema, summary, view } from './samples.ts';

const failure: SyncFailure = {
  kind: 'config_error',
  origin: 'destination',
  message: 'The password was refused.',
  place: 'shop@db:5432',
  remedy: 'Correct SHOP_URL.',
};

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-cli-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function connectionFile(name: string, rest = ''): Promise<string> {
  await mkdir(join(directory, 'connections'), { recursive: true });
  const path = join('connections', `${name}.yaml`);
  const text = `name: ${name}\nsource: { connector: a }\ndestination: { connector: b }\n${rest}`;
  await writeFile(join(directory, path), text);
  return path;
}

const verbs = [
  'dev',
  'worker',
  'init',
  'apply',
  'delete',
  'check',
  'discover',
  'plan',
  'sync',
  'cancel',
  'pause',
  'resume',
  'status',
  'logs',
  'refresh',
  'clear',
  'state show',
  'state reset',
  'state adopt',
  'schema show',
  'schema accept',
  'schema backfill',
  'schedule pause',
  'schedule resume',
  'schedule trigger',
  'schedule delete',
  'connectors list',
  'connectors spec',
  'connectors add',
];

test.each(verbs)('%s explains itself with an example', async (verb) => {
  const { code, out } = await run([...verb.split(' '), '--help']);
  expect(code).toBe(0);
  expect(out).toContain(`Usage: tidemark ${verb}`);
  expect(out).toMatch(new RegExp(`Examples:\\n.*tidemark ${verb}`));
});

test.each([
  ['an unknown verb', ['synk']],
  ['no verb at all', []],
  ['a missing argument', ['sync']],
  ['an unknown option', ['sync', 'orders', '--fast']],
  ['too many arguments', ['sync', 'orders', 'customers']],
  ['a clear of nothing', ['clear', 'orders', '--yes']],
  ['a refresh of all and one', ['refresh', 'orders', 'items', '--all']],
  ['a count of lines that is none', ['logs', 'orders', '-n', 'many']],
  ['a runner that there is not', ['connectors', 'add', 'x', '--kind', 'source', '--runner', 'npm']],
  ['a name in capitals', ['sync', 'Orders']],
  ['a file that is missing', ['apply', 'nowhere/orders.yaml']],
])('%s is a usage error: exit code 2, said on stderr', async (_, args) => {
  const { code, err } = await run(args);
  expect(code).toBe(2);
  expect(err).toMatch(/\S/);
});

test('suggests the verb that was probably meant', async () => {
  expect((await run(['statsu'])).err).toContain('Did you mean status?');
});

test('prints a failure with origin, kind, message, place and remedy, and closes the client', async () => {
  const status = async (): Promise<never> => {
    throw noSuchConnection();
  };
  const { code, out, err, asked } = await run(['status', 'orders'], { client: { status } });
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(err).toBe(
    'error: tidemark config_error: There is no such connection or sync. (orders) Apply it.\n',
  );
  expect(asked).toEqual(['connect tidemark', 'close']);
});

test('prints a failure as JSON too when JSON was asked for', async () => {
  const status = async (): Promise<never> => {
    throw noSuchConnection();
  };
  const { code, out } = await run(['status', 'orders', '--json'], { client: { status } });
  expect(code).toBe(2);
  expect(JSON.parse(out)).toMatchObject({ failure: { kind: 'config_error', place: 'orders' } });
});

test('takes the task queue from the option, else from the environment', async () => {
  const client = { schedules: { trigger: async () => undefined } } as never;
  const environment = { TIDEMARK_TASK_QUEUE: 'blue' };
  const args = ['schedule', 'trigger', 'orders'];
  expect((await run(args, { client, io: { environment } })).asked[0]).toBe('connect blue');
  const named = await run([...args, '--task-queue', 'green'], { client, io: { environment } });
  expect(named.asked[0]).toBe('connect green');
});

test('apply reads every file before it applies the first', async () => {
  const good = await connectionFile('orders');
  const bad = await connectionFile('customers', 'polcy: {}\n');
  const applied: string[] = [];
  const client = {
    apply: async (spec: ConnectionSpec) => {
      applied.push(spec.name);
      return { connection: 'created', schedule: 'deleted' } as const;
    },
  };
  const refused = await run(['apply', good, bad], { client, io: { directory } });
  expect(refused.code).toBe(2);
  expect(refused.err).toContain('connections/customers.yaml:4:1: polcy');
  expect(refused.err).toContain('Did you mean policy?');
  expect(applied).toEqual([]);

  const done = await run(['apply', 'orders'], { client, io: { directory } });
  expect(done).toMatchObject({
    code: 0,
    out: 'orders: created, schedule deleted (the file has none)\n',
  });
});

test('check prints each end and fails with the code of the worst', async () => {
  const results = [
    { end: 'source', connector: 'a', ok: true },
    { end: 'destination', connector: 'b', ok: false, failure },
  ] as const;
  const { code, out } = await run(['check', 'orders'], { client: { check: async () => results } });
  expect(code).toBe(2);
  expect(out).toBe(
    'source a: ok\ndestination b: failed: destination config_error: The password was refused. (shop@db:5432) Correct SHOP_URL.\n',
  );
  const transient = [{ ...results[1], failure: { ...failure, kind: 'transient_error' as const } }];
  const again = await run(['check', 'orders'], { client: { check: async () => transient } });
  expect(again.code).toBe(1);
});

test('check of a file sends the spec, not the name', async () => {
  const path = await connectionFile('orders');
  let asked: unknown;
  const check = async (target: unknown) => {
    asked = target;
    return [];
  };
  await run(['check', path], { client: { check }, io: { directory } });
  expect(asked).toMatchObject({ name: 'orders', source: { connector: 'a' } });
});

test.each([
  ['succeeded', undefined, 0],
  ['failed', { ...failure, kind: 'transient_error' as const }, 1],
  ['failed', failure, 2],
  ['partial', undefined, 3],
  ['cancelled', undefined, 1],
  ['skipped', undefined, 1],
  ['skipped', pausedFailure('orders', { since: 'then' }), 2],
] as const)('sync that %s ends with its exit code', async (outcome, failed, expected) => {
  const end = summary({ outcome, ...(failed !== undefined && { failure: failed }) });
  const handle = fakeHandle([view(), view({ attempts: [], summary: end })]);
  const client = { startSync: async () => handle, runningSync: async () => null };
  const { code, out } = await run(['sync', 'orders'], { client });
  expect(code).toBe(expected);
  expect(out).toContain(`sync 3 ${outcome}`);
  expect(out).toContain('2026-03-01T12:00:00.000Z orders: attempt 1: syncing on host-a:4711');
});

test('sync prints one JSON value a line', async () => {
  const handle = fakeHandle([view(), view({ attempts: [], summary: summary() })]);
  const { out } = await run(['sync', 'orders', '--json'], {
    client: { startSync: async () => handle },
  });
  const types = out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { type: string }).type);
  expect(types).toEqual(['phase', 'checkpoint', 'ended']);
});

test('sync of a file applies it first', async () => {
  const path = await connectionFile('orders');
  const handle = fakeHandle([view({ attempts: [], summary: summary() })]);
  const calls: string[] = [];
  const client = {
    apply: async ({ name }: ConnectionSpec) => {
      calls.push(`apply ${name}`);
      return { connection: 'unchanged', schedule: 'none' } as const;
    },
    startSync: async (name: string) => {
      calls.push(`start ${name}`);
      return handle;
    },
  };
  expect((await run(['sync', path], { client, io: { directory } })).code).toBe(0);
  expect(calls).toEqual(['apply orders', 'start orders']);
});

test('sync says that it watches the one that runs already', async () => {
  const handle = fakeHandle([view({ attempts: [], summary: summary() })], {
    origin: 'attached',
    workflowId: 'sync/orders-2026-03-01T12:00:00Z',
  });
  const { err } = await run(['sync', 'orders'], { client: { startSync: async () => handle } });
  expect(err).toContain('runs already (sync/orders-2026-03-01T12:00:00Z): watching that one');
});

test('a skipped sync goes on watching the one that held the connection', async () => {
  const skipped = fakeHandle([view({ attempts: [], summary: summary({ outcome: 'skipped' }) })]);
  const holder = fakeHandle([view({ attempts: [], summary: summary({ syncNo: 2 }) })], {
    workflowId: 'sync/orders-by-schedule',
  });
  const client = { startSync: async () => skipped, runningSync: async () => holder };
  const { code, out, err } = await run(['sync', 'orders'], { client });
  expect(code).toBe(0);
  expect(err).toContain('sync/orders-by-schedule');
  expect(out).toContain('sync 2 succeeded');
});

test('Ctrl-C leaves the sync running and says how to watch and stop it', async () => {
  let press = (): void => undefined;
  const handle = fakeHandle([view(), view(), view({ attempts: [], summary: summary() })]);
  const { code, err, out } = await run(['sync', 'orders'], {
    client: { startSync: async () => handle },
    io: {
      onInterrupt(listener) {
        press = listener;
        return () => undefined;
      },
      now: () => {
        press();
        return 0;
      },
    },
  });
  expect(code).toBe(0);
  expect(err).toContain('tidemark status orders --watch');
  expect(err).toContain('tidemark cancel orders');
  expect(out).not.toContain('succeeded');
});

test('--detach returns at once', async () => {
  const watch = () => {
    throw new Error('It was watched.');
  };
  const client = { startSync: async () => fakeHandle([view()], { watch }) };
  const { code, out } = await run(['sync', 'orders', '--detach', '--json'], { client });
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ workflowId: 'sync/orders', origin: 'started' });
});

test('a terminal shows the table and redraws it in place', async () => {
  const handle = fakeHandle([view(), view(), view({ attempts: [], summary: summary() })]);
  const { out } = await run(['sync', 'orders'], {
    client: { startSync: async () => handle },
    io: { isTerminal: true },
  });
  const [first, second, last] = out.split('\u001B[6A\u001B[J');
  expect(first).toContain('STREAM');
  expect(second).toBe(first);
  expect(last).toContain('sync 3 succeeded');
});

test('cancel waits until the sync has stopped', async () => {
  const end = summary({ outcome: 'cancelled' });
  const handle = fakeHandle([
    view({ attempts: [attempt({ state: 'cancelling' })] }),
    view({ attempts: [], summary: end }),
  ]);
  const { code, out } = await run(['cancel', 'orders'], { client: { cancel: async () => handle } });
  expect(code).toBe(0);
  expect(out).toContain('sync 3 cancelled');
  const idle = await run(['cancel', 'orders'], { client: { cancel: async () => null } });
  expect(idle).toMatchObject({ code: 0, out: 'orders: no sync is running.\n' });
});

const paused = {
  since: '2026-03-01T11:00:00.000Z',
  by: 'ada',
  note: 'upgrade',
  skipped: { count: 3, firstRunId: 'run-9', at: '2026-03-01T11:45:00.000Z' },
};

test('pause says why and who, and waits until the sync waits', async () => {
  const asked: unknown[] = [];
  const handle = fakeHandle([
    view({ pause: 'pausing', attempts: [attempt({ state: 'cancelling' })] }),
    view({ pause: 'paused', attempts: [] }),
    view({ attempts: [], summary: summary() }),
  ]);
  const client = {
    pause: async (name: string, request?: { by?: string; note?: string }) => {
      asked.push([name, request]);
      return paused;
    },
    runningSync: async () => handle,
  };
  const { code, out, err } = await run(['pause', 'orders', '--note', 'upgrade'], { client });
  expect(code).toBe(0);
  expect(asked).toMatchObject([['orders', { note: 'upgrade', by: expect.stringMatching(/./) }]]);
  expect(err).toContain('sync/orders: draining to a checkpoint.');
  expect(out).toBe(
    'orders: paused since 2026-03-01T11:00:00.000Z by ada: upgrade. No sync begins until: tidemark resume orders\nsync/orders: paused.\n',
  );
  const { out: json } = await run(['pause', 'orders', '--json'], { client });
  expect(JSON.parse(json)).toEqual({
    name: 'orders',
    paused,
    sync: { workflowId: 'sync/orders', state: 'paused' },
  });
  const idle = { ...client, runningSync: async () => null };
  const { out: alone } = await run(['pause', 'orders', '--json'], { client: idle });
  expect(JSON.parse(alone)).toMatchObject({ sync: null });
});

test('resume tells what it ended and what goes on, or that there was no pause', async () => {
  const client = { resume: async () => paused, runningSync: async () => fakeHandle([view()]) };
  const { code, out } = await run(['resume', 'orders'], { client });
  expect(code).toBe(0);
  expect(out).toContain('It was paused since 2026-03-01T11:00:00.000Z by ada: upgrade.');
  expect(out).toContain('3 syncs skipped meanwhile.');
  expect(out).toContain('sync/orders goes on from its checkpoint.');
  const not = { resume: async () => null };
  expect((await run(['resume', 'orders'], { client: not })).out).toBe(
    'orders: it is not paused.\n',
  );
  const { out: json } = await run(['resume', 'orders', '--json'], { client: not });
  expect(JSON.parse(json)).toEqual({ name: 'orders', resumed: false, ended: null, sync: null });
});

test('sync of a paused connection says so with exit code 2, or resumes it first', async () => {
  const { kind, message, ...rest } = pausedFailure('orders', paused);
  let isPaused = true;
  const client = {
    startSync: async () => {
      if (isPaused) throw new SyncError(kind, message, rest);
      return fakeHandle([view({ attempts: [], summary: summary() })]);
    },
    resume: async () => {
      isPaused = false;
      return paused;
    },
  };
  const refused = await run(['sync', 'orders'], { client });
  expect(refused.code).toBe(2);
  expect(refused.err).toContain('paused. (orders, since 2026-03-01T11:00:00.000Z by ada: upgrade)');
  expect(refused.err).toContain('tidemark resume orders');
  const resumed = await run(['sync', 'orders', '--resume'], { client });
  expect(resumed.code).toBe(0);
  expect(resumed.err).toContain('orders: resumed.');
});

test('a watched sync shows its pause and is watched on', async () => {
  const handle = fakeHandle([
    view(),
    view({ pause: 'pausing' }),
    view({ pause: 'paused', attempts: [] }),
    view({ pause: 'paused', attempts: [] }),
    view(),
    view({ attempts: [], summary: summary() }),
  ]);
  const client = { startSync: async () => handle };
  const { code, out } = await run(['sync', 'orders'], { client });
  expect(code).toBe(0);
  expect(out.match(/(pausing|paused|resumed): [a-z ]*/g)).toEqual([
    'pausing: drains to a checkpoint',
    'paused: waits at a checkpoint',
    'resumed: goes on from its checkpoint',
  ]);
  const { out: json } = await run(['sync', 'orders', '--json'], { client });
  const types = [...json.matchAll(/"type":"(\w+)"/g)].map(([, type]) => type);
  expect(types.filter((type) => /^(paus|resum|ended)/.test(type!))).toEqual([
    'pausing',
    'paused',
    'resumed',
    'ended',
  ]);
  const { out: live } = await run(['sync', 'orders'], { client, io: { isTerminal: true } });
  expect(live).toContain('paused: waits at a checkpoint, goes on after: tidemark resume orders');
  expect(live).not.toContain('starting');
});

test('status shows a pause, of one connection and in the list', async () => {
  const client = {
    status: async () => connectionState({ paused }),
    schedules: { describe: async () => null } as never,
    async *list() {
      yield 'orders';
    },
  };
  const { out } = await run(['status', 'orders'], { client });
  expect(out).toContain(
    'paused since 2026-03-01T11:00:00.000Z by ada: upgrade (tidemark resume orders)',
  );
  expect(out).toContain('skipped since: 3 syncs, the last one 2026-03-01T11:45:00.000Z');
  expect((await run(['status'], { client })).out).toMatch(/orders .* paused /);
});

test('status lists the connections and stops asking once no worker answers', async () => {
  const asked: string[] = [];
  const client = {
    async *list() {
      for (let i = 0; i < 20; i += 1) yield `c${String(i).padStart(2, '0')}`;
    },
    status: async (name: string) => {
      asked.push(name);
      throw noSuchConnection();
    },
  };
  const { code, out } = await run(['status'], { client });
  expect(code).toBe(0);
  expect(out.match(/no worker answers/g)).toHaveLength(20);
  expect(asked).toHaveLength(8);
});

test('status of one connection shows its running sync', async () => {
  const lease = {
    holder: { workflowId: 'sync/orders', firstRunId: 'run-1' },
    syncNo: 4,
    since: '2026-03-01T11:58:00.000Z',
  };
  const client = {
    status: async () => connectionState({ lease }),
    schedules: { describe: async () => null } as never,
    runningSync: async () => fakeHandle([view()]),
  };
  const { out } = await run(['status', 'orders'], { client });
  expect(out).toContain('now: sync 4, for 2m00s (sync/orders)');
  expect(out).toContain('attempt 1: syncing on host-a:4711');
  const { out: json } = await run(['status', 'orders', '--json'], { client });
  expect(JSON.parse(json)).toMatchObject({ lease: { syncNo: 4 }, running: { attempts: [{}] } });
});

test('state reset asks for --yes, then edits every scope or the one named', async () => {
  const edits: EditRequest[] = [];
  const client = {
    status: async () => connectionState(),
    editState: async (_: string, request: EditRequest) => void edits.push(request),
  };
  const careful = await run(['state', 'reset', 'orders'], { client });
  expect(careful.code).toBe(2);
  expect(careful.err).toContain('--yes');
  expect(edits).toEqual([]);

  expect((await run(['state', 'reset', 'orders', '--yes'], { client })).code).toBe(0);
  await run(['state', 'reset', 'orders', '--stream', 'orders', '--yes'], { client });
  expect(edits).toMatchObject([
    { scope: null, state: null },
    { scope: 'orders', state: null },
  ]);
  const unknown = await run(['state', 'reset', 'orders', '--stream', 'ordes', '--yes'], { client });
  expect(unknown.code).toBe(2);
  expect(unknown.err).toContain('Did you mean orders?');
});

test('schema accept says what is accepted', async () => {
  const client = { acceptSchema: async () => summary({ schema }).schema! };
  const { code, out } = await run(['schema', 'accept', 'orders'], { client });
  expect([code, out]).toEqual([
    0,
    'orders: accepted for the next sync.\n  + orders.note (string)\n  … and 4 more\n',
  ]);
  const { out: json } = await run(['schema', 'accept', 'orders', '--json'], { client });
  expect(JSON.parse(json)).toEqual({ name: 'orders', accepted: schema });
});

test('state show prints the exact state', async () => {
  const client = { status: async () => connectionState() };
  const { out } = await run(['state', 'show', 'orders'], { client });
  expect(out).toContain('"id":9007199254740993');
});

test('logs prints lines that cannot steer the terminal', async () => {
  const client = { logs: async () => 'one\n\u001B[2Jtwo\n' };
  const { out } = await run(['logs', 'orders'], { client });
  expect(out).toBe('one\n [2Jtwo\n');
});

test('connectors add keeps comments and refuses a name that is taken', async () => {
  const file = join(directory, 'connectors.yaml');
  await writeFile(
    file,
    '# what this worker may run\nconnectors:\n  mine: { runner: exec } # ours\ndirectories: [.]\n',
  );
  const add = (name: string, ...rest: string[]) =>
    run(['connectors', 'add', name, '--kind', 'source', ...rest], { io: { directory } });
  const added = await add('faker', '--runner', 'pypi', '--package', 'airbyte-source-faker==6.2.21');
  expect(added.code).toBe(0);
  const commanded = await add('other', '--runner', 'exec', '--command', 'node ./other.js');
  expect(commanded.code).toBe(0);
  const image = ['--image', 'airbyte/source-faker:6.2.21'];
  expect((await add('boxed', '--runner', 'docker', ...image)).code).toBe(0);
  expect(await readFile(file, 'utf8')).toBe(
    `# what this worker may run
connectors:
  mine: { runner: exec } # ours
  faker: { kind: source, runner: pypi, package: airbyte-source-faker==6.2.21 }
  other: { kind: source, runner: exec, command: [ node, ./other.js ] }
  boxed: { kind: source, runner: docker, image: airbyte/source-faker:6.2.21 }
directories: [ . ]
`,
  );
  expect((await add('mine', '--runner', 'exec', '--command', 'x')).err).toContain('there already');
  expect((await add('bare', '--runner', 'exec')).err).toContain('--command');
  expect((await add('bare', '--runner', 'pypi')).err).toContain('--package');
  expect((await add('bare', '--runner', 'docker')).err).toContain('--image');
  const twice = await add('bare', '--runner', 'docker', ...image, '--command', 'x');
  expect(twice.err).toContain('Remove --command');
});

test('connectors add makes the file when there is none', async () => {
  const args = [
    'connectors',
    'add',
    'mine',
    '--kind',
    'destination',
    '--runner',
    'exec',
    '--command',
    'x',
  ];
  expect((await run(args, { io: { directory } })).code).toBe(0);
  expect(await readFile(join(directory, 'connectors.yaml'), 'utf8')).toBe(
    'connectors:\n  mine: { kind: destination, runner: exec, command: [ x ] }\n',
  );
});

test('dev and worker hand their options and their exit code on', async () => {
  const ran: string[] = [];
  const io = {
    run: async (script: URL, args: readonly string[]) => {
      ran.push(`${script.pathname.split('/').slice(-2).join('/')} ${args.join(' ')}`);
      return 7;
    },
  };
  expect((await run(['worker', '--label', 'gpu'], { io })).code).toBe(7);
  await run(['dev', '--port', '7300'], { io });
  expect(ran).toEqual(['worker/main.js --label gpu', 'worker/dev.js --port 7300']);
});
