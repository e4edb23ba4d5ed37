import { isSyncFailure, SyncError, defaultPolicy } from '../../protocol/index.ts';
import { parseConnection, readConnectionFile } from '../../client/connection-file.ts';

const ends = `source:      { connector: postgres, config: { url: "\${env:SHOP_URL}" } }
destination: { connector: duckdb,   config: { path: ./warehouse.duckdb, schema: shop } }
`;
const file = (rest: string): string => `name: orders\n${ends}${rest}`;

function refusal(text: string): SyncError {
  try {
    parseConnection(text, 'orders.yaml');
  } catch (error) {
    if (error instanceof SyncError) return error;
    throw error;
  }
  throw new Error('It was accepted.');
}

test('reads the example of the documentation', () => {
  const spec = parseConnection(
    file(`streams:
  - { name: orders, sync_mode: incremental, destination_sync_mode: append_dedup, cursor_field: [updated_at], primary_key: [[id]] }
schedule: { cron: "0 * * * *", timezone: Europe/Berlin }
policy: { checkpoint_age_max: 30m, on_overdue: fail, attempts_without_progress_max: 7, heartbeat_timeout: 10s, parallelism: 2, rows_min: 1 }
`),
    'orders.yaml',
  );
  expect(spec).toEqual({
    name: 'orders',
    source: { connector: 'postgres', config: { url: '${env:SHOP_URL}' } },
    destination: { connector: 'duckdb', config: { path: './warehouse.duckdb', schema: 'shop' } },
    streams: [
      {
        name: 'orders',
        sync_mode: 'incremental',
        destination_sync_mode: 'append_dedup',
        cursor_field: ['updated_at'],
        primary_key: [['id']],
      },
    ],
    schedule: { cron: '0 * * * *', timezone: 'Europe/Berlin' },
    policy: {
      ...defaultPolicy,
      onOverdue: 'fail',
      attemptsWithoutProgressMax: 7,
      heartbeatTimeoutMs: 10_000,
      parallelism: 2,
      rowsMin: 1,
    },
  });
});

test('takes the defaults, and every stream, when the file names only the ends', () => {
  const spec = parseConnection(file(''), 'orders.yaml');
  expect(spec.policy).toEqual(defaultPolicy);
  expect(spec).not.toHaveProperty('streams');
  expect(spec).not.toHaveProperty('schedule');
});

test('reads every policy key into its member', () => {
  const { policy } = parseConnection(
    file(`policy:
  checkpoint_age_max: 20m
  on_overdue: fail
  attempts_without_progress_max: 3
  heartbeat_timeout: 45s
  parallelism: 4
  rows_min: 10
  batch_max: 16MB
  commit_interval_min: 2s
  commit_interval_max: 5m
  source_silence_max: 1h30m
  destination_blocked_max: 4h
  no_progress_max: 5h
  sync_max: 2d
  segment_max: 6h
  schema_changes: pause
  on_new_column: backfill
`),
    'orders.yaml',
  );
  expect(policy).toEqual({
    checkpointAgeMsMax: 1_200_000,
    onOverdue: 'fail',
    attemptsWithoutProgressMax: 3,
    heartbeatTimeoutMs: 45_000,
    parallelism: 4,
    rowsMin: 10,
    batchBytesMax: 16 * 1024 * 1024,
    commitIntervalMsMin: 2_000,
    commitIntervalMsMax: 300_000,
    sourceSilenceMsMax: 5_400_000,
    destinationBlockedMsMax: 14_400_000,
    noProgressMsMax: 18_000_000,
    syncMsMax: 172_800_000,
    segmentMsMax: 21_600_000,
    schemaChanges: 'pause',
    onNewColumn: 'backfill',
  });
});

test('takes short forms of streams, cursors and keys', () => {
  const { streams } = parseConnection(
    file(`streams:
  - customers
  - { name: orders, namespace: shop, cursor_field: updated_at, primary_key: id }
  - { name: lines, primary_key: [order_id, line] }
  - { name: nested, cursor_field: [meta, at], primary_key: [[meta, id]] }
`),
    'orders.yaml',
  );
  expect(streams).toEqual([
    { name: 'customers' },
    { name: 'orders', namespace: 'shop', cursor_field: ['updated_at'], primary_key: [['id']] },
    { name: 'lines', primary_key: [['order_id'], ['line']] },
    { name: 'nested', cursor_field: ['meta', 'at'], primary_key: [['meta', 'id']] },
  ]);
});

test('reads how tables are named', () => {
  const { namespace, prefix } = parseConnection(
    file('namespace: raw_${SOURCE_NAMESPACE}\nprefix: shop_\n'),
    'orders.yaml',
  );
  expect([namespace, prefix]).toEqual(['raw_${SOURCE_NAMESPACE}', 'shop_']);
});

test('reads how deletes are taken', () => {
  const { streams } = parseConnection(stream('{ name: a, cdc_deletes: soft }'), 'orders.yaml');
  expect(streams).toEqual([{ name: 'a', cdc_deletes: 'soft' }]);
});

test('reads the columns of a stream', () => {
  const { streams } = parseConnection(
    file('streams: [{ name: orders, columns: [id, "5"] }]\n'),
    'orders.yaml',
  );
  expect(streams).toEqual([{ name: 'orders', columns: ['id', '5'] }]);
});

test('follows anchors and aliases', () => {
  const spec = parseConnection(
    `name: orders
source: { connector: postgres, config: &db { host: h } }
destination: { connector: postgres, config: *db }
`,
    'orders.yaml',
  );
  expect(spec.destination.config).toEqual({ host: 'h' });
});

const policy = (entry: string): string => file(`policy: { ${entry} }\n`);
const stream = (entry: string): string => file(`streams:\n  - ${entry}\n`);

test.each([
  ['a broken text', 'name: [orders\n', '2:1'],
  ['an empty file', '', '1:1'],
  ['two documents', `${file('')}---\nname: b\n`, '4:1'],
  ['a key given twice', file('name: other\n'), '4:1'],
  ['a missing name', ends, '1:1'],
  ['a missing end', 'name: orders\nsource: { connector: x }\n', '1:1'],
  ['a name in capitals', `name: Orders\n${ends}`, '1:7: name'],
  ['a name that is a number', `name: 5\n${ends}`, '1:7: name'],
  ['a name of 64 letters', `name: ${'a'.repeat(64)}\n${ends}`, '1:7: name'],
  ['an unknown key', file('polcy: {}\n'), '4:1: polcy'],
  ['an unknown key inside', policy('on_overdu: warn'), '4:11: policy.on_overdu'],
  ['an end without connector', 'name: a\nsource: { config: {} }\n', '2:9: source'],
  [
    'a config that is a list',
    'name: a\nsource: { connector: x, config: [1] }\ndestination: { connector: y }\n',
    '2:33: source.config',
  ],
  [
    'an integer that a double cannot hold',
    'name: a\nsource: { connector: x, config: { id: 9007199254740993 } }\n',
    '2:39',
  ],
  ['a placeholder that is not known', file('namespace: raw_${STREAM}\n'), '4:12: namespace'],
  ['a placeholder in a prefix', file('prefix: ${SOURCE_NAMESPACE}\n'), '4:9: prefix'],
  ['a prefix that is a number', file('prefix: 5\n'), '4:9: prefix'],
  ['an empty list of streams', file('streams: []\n'), '4:10: streams'],
  ['a stream without name', stream('{ sync_mode: incremental }'), '5:5: streams\\[0\\]'],
  [
    'a stream given twice',
    stream('orders\n  - { name: orders, namespace: "" }'),
    '6:\\d+: streams\\[1\\]',
  ],
  ['an unknown sync mode', stream('{ name: a, sync_mode: cdc }'), '5:27: streams\\[0\\].sync_mode'],
  [
    'an unknown destination sync mode',
    stream('{ name: a, destination_sync_mode: upsert }'),
    '5:39',
  ],
  ['a cursor that is a number', stream('{ name: a, cursor_field: 5 }'), '5:30'],
  ['an empty list of columns', stream('{ name: a, columns: [] }'), '5:25: streams\\[0\\].columns'],
  ['columns that are no list', stream('{ name: a, columns: id }'), '5:25'],
  ['a column that is a number', stream('{ name: a, columns: [5] }'), '5:26'],
  ['an unknown way to delete', stream('{ name: a, cdc_deletes: no }'), '5:29'],
  ['an empty primary key', stream('{ name: a, primary_key: [] }'), '5:29'],
  ['a schedule with neither', file('schedule: { timezone: UTC }\n'), '4:11: schedule'],
  ['a schedule with both', file('schedule: { cron: "0 * * * *", every: 1h }\n'), '4:11: schedule'],
  ['a cron of three fields', file('schedule: { cron: "0 * *" }\n'), '4:19: schedule.cron'],
  ['an interval without unit', file('schedule: { every: 15 }\n'), '4:20: schedule.every'],
  ['an interval of nothing', file('schedule: { every: 0s }\n'), '4:20: schedule.every'],
  [
    'an unknown time zone',
    file('schedule: { every: 1h, timezone: Mars/Base }\n'),
    '4:34: schedule.timezone',
  ],
  ['a duration without unit', policy('checkpoint_age_max: 30'), '4:31: policy.checkpoint_age_max'],
  ['a duration in words', policy('heartbeat_timeout: 30 sec'), '4:30: policy.heartbeat_timeout'],
  ['a checkpoint age above 30 minutes', policy('checkpoint_age_max: 31m'), '4:31'],
  ['a commit interval above 15 minutes', policy('commit_interval_max: 16m'), '4:32'],
  [
    'commit intervals that contradict',
    policy('commit_interval_min: 2m, commit_interval_max: 1m'),
    '4:32',
  ],
  ['a size without unit', policy('batch_max: 64'), '4:22: policy.batch_max'],
  ['a size too small', policy('batch_max: 1KB'), '4:22: policy.batch_max'],
  ['no attempts', policy('attempts_without_progress_max: 0'), '4:42'],
  ['half a lane', policy('parallelism: 1.5'), '4:24'],
  ['a negative count', policy('rows_min: -1'), '4:21'],
  ['an unknown word', policy('on_overdue: panic'), '4:23: policy.on_overdue'],
  ['an unknown way with changes', policy('schema_changes: accept'), '4:27'],
  ['an unknown way with new columns', policy('on_new_column: fill'), '4:26'],
])('refuses %s and says where', (_, text, place) => {
  const { kind, origin, message, remedy, place: found } = refusal(text);
  expect({ kind, origin }).toEqual({ kind: 'config_error', origin: 'tidemark' });
  expect(found).toMatch(new RegExp(`^orders\\.yaml:(${place})`));
  expect(message).not.toBe('');
  expect(remedy).toMatch(/\S/);
});

test('names the known key that was probably meant', () => {
  expect(refusal(policy('heartbeat_timout: 5s')).remedy).toContain('heartbeat_timeout');
  expect(refusal(file('stream: []\n')).remedy).toContain('streams');
});

test('says which limits a value broke', () => {
  expect(refusal(policy('heartbeat_timeout: 1s')).remedy).toBe('Use at least 3s and at most 10m.');
});

test('says that a file is missing, with its path', async () => {
  const error: unknown = await readConnectionFile('/nowhere/a.yaml').catch((e: unknown) => e);
  expect(error).toBeInstanceOf(SyncError);
  const failure = (error as SyncError).toFailure();
  expect(isSyncFailure(failure)).toBe(true);
  expect(failure.place).toBe('/nowhere/a.yaml (ENOENT)');
});
