import { mysqlSource, type MysqlSourceConfig } from '../../connectors/mysql/index.ts';
import type { JsonObject, SyncError } from '../../protocol/index.ts';
import { testMysql, type TestMysql } from '../support/mysql.ts';
import type { MysqlFlavour } from '../support/mysql-server.ts';
import { eventually } from '../worker/eventually.ts';
import { changedUrl } from './harness.ts';
import { idsOf, readAll, streamOf } from './mysql-source.ts';
import { sourceSuite, type SourceHarness } from './source-conformance.ts';

const signal = new AbortController().signal;

/** Two tables of the same rows. `more`: how they are read. */
async function create(
  flavour: MysqlFlavour,
  more: Partial<SourceHarness<MysqlSourceConfig>>,
): Promise<SourceHarness<MysqlSourceConfig>> {
  const server = await testMysql(flavour);
  for (const [table, rows] of Object.entries({ many: 1_000, few: 3 })) {
    await server.query(`CREATE TABLE ${table} (id INT PRIMARY KEY, pad TEXT)`);
    await server.query(fill(table, `i, REPEAT('x', 100)`, rows));
  }
  const changed = (change: (url: URL) => void): MysqlSourceConfig => changedUrl(server.url, change);
  return {
    source: mysqlSource,
    config: { url: server.url, checkpoint_records: 100 },
    broken: {
      'an unknown user': changed((url) => (url.username = 'nobody_here')),
      'an unknown database': changed((url) => (url.pathname = '/no_such_database')),
      'an unknown host': changed((url) => (url.hostname = 'no-such-host.invalid')),
      'an unreadable URL': { url: 'mysql://[nowhere' },
    },
    records: { many: 1_000, few: 3 },
    drop: () => server.drop(),
    ...more,
  };
}

const fill = (table: string, columns: string, count: number): string =>
  `INSERT INTO ${table} WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT ${columns} FROM n`;

describe.each<[MysqlFlavour]>([['mysql'], ['mariadb']])('the source, from %s', (flavour) => {
  let server: TestMysql;
  const config = (more = {}) => ({ url: server.url, ...more });
  const run = async (...statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await server.query(statement);
  };
  beforeAll(async () => {
    server = await testMysql(flavour);
    await run(`SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,ALLOW_INVALID_DATES'`);
  });
  afterAll(() => server.drop());

  sourceSuite({ name: 'It, read in full,', create: () => create(flavour, {}) });
  sourceSuite({
    name: 'It, read by a cursor,',
    create: () => create(flavour, { cursors: { many: 'id', few: 'id' } }),
  });

  test('every type arrives as it is', async () => {
    const hard = 'q"\\ü😀\n\r\t\0\u001f\u007f\u2028\\u0041';
    await run(
      `CREATE TABLE types (id INT PRIMARY KEY, small TINYINT(1), filled INT(8) ZEROFILL, big BIGINT UNSIGNED,
        price DECIMAL(38,9), whole DECIMAL(30,0), f FLOAT, d DOUBLE, y YEAR, day DATE, at DATETIME(6), sec DATETIME, seen TIMESTAMP(3) NULL,
        t TIME(3), c CHAR(4), v VARCHAR(200) CHARACTER SET utf8mb4, latin VARCHAR(20) CHARACTER SET latin1, b BINARY(3), vb VARBINARY(200), bl LONGBLOB,
        bit1 BIT(1), bit10 BIT(10), e ENUM('a','ü') CHARACTER SET utf8mb4, s SET('x','y','z'), j JSON, g POINT, "quoted ""'\\{}" INT)`,
      `INSERT INTO types VALUES (1, 7, 42, 18446744073709551615, -12345678901234567890123456789.000000001, 123456789012345678901234567890,
        0.1, 5e-324, 2024, '2024-02-29', '2024-02-29 23:59:59.000001', '1000-01-01 00:00:00', '2024-06-01 12:00:00.500',
        '-838:59:59.000', 'ab  ', '${hard}', 'é€', x'00ff10', REPEAT(x'ff', 100), x'', b'1', b'1000000001',
        'ü', 'x,z', '{"b": [1.10, 12345678901234567890, "\\n"], "a": null}', ST_GeomFromText('POINT(1 2)'), 5)`,
      `INSERT INTO types (id) VALUES (2)`,
    );
    const stream = await streamOf(config(), 'types');
    const { records, end } = await readAll(config(), stream);
    expect(end.failure).toBe(null);
    expect(records).toHaveLength(2);
    const text = records[0]!;
    for (const exact of [
      ...['"small":7,', '"filled":42,', '"big":18446744073709551615,'],
      '"price":-12345678901234567890123456789.000000001,',
      '"whole":123456789012345678901234567890,',
      '12345678901234567890',
    ])
      expect(text).toContain(exact);
    expect(JSON.parse(text)).toMatchObject({
      ...{ f: Math.fround(0.1), d: 5e-324, y: 2024, day: '2024-02-29' },
      ...{ at: '2024-02-29T23:59:59.000001', sec: '1000-01-01T00:00:00' },
      ...{ seen: '2024-06-01T12:00:00.500Z', t: '-838:59:59.000', c: 'ab' },
      ...{ v: hard, latin: 'é€', b: 'AP8Q' },
      ...{ vb: Buffer.alloc(100, 0xff).toString('base64'), bl: '', bit1: true, bit10: 'AgE=' },
      ...{
        e: 'ü',
        s: 'x,z',
        g: 'POINT(1 2)',
        j: { a: null, b: [1.1, expect.any(Number), '\n'] },
      },
      [`quoted "'\\{}`]: 5,
    });
    const nulls = JSON.parse(records[1]!) as JsonObject;
    expect(new Set(Object.values(nulls))).toEqual(new Set([2, null]));
    const properties = stream.json_schema['properties'] as JsonObject;
    expect(Object.keys(nulls)).toEqual(Object.keys(properties));
    expect(properties).toMatchObject({
      small: { type: ['null', 'integer'] },
      big: { airbyte_type: 'big_integer' },
      whole: { airbyte_type: 'big_integer' },
      at: { format: 'date-time', airbyte_type: 'timestamp_without_timezone' },
      seen: { format: 'date-time', airbyte_type: 'timestamp_with_timezone' },
      j: { type: ['null', 'object', 'array', 'string', 'number', 'boolean'] },
      bit1: { type: ['null', 'boolean'] },
      b: { contentEncoding: 'base64' },
    });
  });

  test('dates that are none become null, and are counted', async () => {
    await run(
      `CREATE TABLE zeros (id INT PRIMARY KEY, day DATE NOT NULL, at DATETIME, "when" TIMESTAMP)`,
      `INSERT INTO zeros VALUES (1, '0000-00-00', '0000-00-00', '0000-00-00'), (2, '2024-00-10', NULL, '2024-01-01'), (3, '2024-01-01', '2024-01-01', '2024-01-01')`,
    );
    const { records, warnings } = await readAll(config(), await streamOf(config(), 'zeros'));
    expect(JSON.parse(records[0]!)).toEqual({ id: 1, day: null, at: null, when: null });
    expect(JSON.parse(records[1]!)).toMatchObject({ day: null, when: '2024-01-01T00:00:00Z' });
    expect(warnings).toEqual([expect.stringMatching(/zeros: 4 dates that are none/)]);
  });

  test('tables and views are offered, with the key that tells rows apart', async () => {
    await run(
      `CREATE TABLE keyed (b INT, a VARCHAR(10), note TEXT, PRIMARY KEY (a, b))`,
      `CREATE TABLE uniquely (id INT NOT NULL, code CHAR(3) NOT NULL, maybe INT, UNIQUE KEY m (maybe), UNIQUE KEY u (code), KEY (id))`,
      `CREATE TABLE prefixed (name TEXT NOT NULL, UNIQUE KEY p (name(10)))`,
      `CREATE TABLE floated (f DOUBLE PRIMARY KEY)`,
      `CREATE TABLE _tidemark_own (id INT PRIMARY KEY)`,
      `CREATE VIEW seen AS SELECT * FROM keyed`,
    );
    const { streams } = await mysqlSource.discover(config(), signal);
    const about = (name: string) => {
      const stream = streams.find((one) => one.name === name);
      return stream && [stream.source_defined_primary_key, stream.is_resumable];
    };
    expect(about('keyed')).toEqual([[['a'], ['b']], true]);
    expect(about('uniquely')).toEqual([[['code']], true]);
    expect(about('prefixed')).toEqual([undefined, false]);
    expect(about('floated')).toEqual([[['f']], false]);
    expect(about('seen')).toEqual([undefined, false]);
    expect(about('_tidemark_own')).toBe(undefined);
    expect(streams.every(({ namespace }) => namespace === server.database)).toBe(true);
  });

  test('only what may be read is offered; a database without any is told with its grant', async () => {
    await run(
      `CREATE TABLE granted (id INT PRIMARY KEY, open INT, secret INT)`,
      `CREATE USER IF NOT EXISTS 'reader_${server.database}'@'%' IDENTIFIED BY 'hunter22'`,
      `GRANT SELECT (id, open) ON "${server.database}".granted TO 'reader_${server.database}'@'%'`,
    );
    const url = new URL(server.url);
    url.username = `reader_${server.database}`;
    url.password = 'hunter22';
    const limited = { url: url.href };
    await mysqlSource.check(limited, signal);
    const { streams } = await mysqlSource.discover(limited, signal);
    expect(streams.map(({ name }) => name)).toEqual(['granted']);
    expect(Object.keys(streams[0]!.json_schema['properties']!)).toEqual(['id', 'open']);
    await run(`REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'reader_${server.database}'@'%'`);
    await expect(mysqlSource.check(limited, signal)).rejects.toMatchObject({
      kind: 'config_error',
      remedy: expect.stringMatching(/GRANT/) as string,
    });
    const gone = await readAll(limited, streams[0]!);
    expect(gone.end.failure).toMatchObject({ kind: 'config_error' });
    await run(`DROP USER 'reader_${server.database}'@'%'`);
    url.password = 'wrong';
    const refused: unknown = await mysqlSource
      .check({ url: url.href }, signal)
      .catch((e: unknown) => e);
    expect(refused).toMatchObject({ kind: 'config_error', origin: 'source' });
    expect(JSON.stringify(refused)).not.toContain('wrong');
  });

  test('encryption is what the config asks for, or is refused', async () => {
    const url = server.url.replace('127.0.0.1', 'localhost');
    const checked = (ssl: 'require' | 'verify-full') =>
      mysqlSource.check({ url, ssl }, signal).then(
        () => 'used',
        ({ kind, message }: SyncError) => `${kind}: ${message}`,
      );
    await run('CREATE TABLE encrypted (id INT PRIMARY KEY)');
    // The one server makes itself a certificate, which nobody vouches for; the other has none.
    const refused = 'config_error: The certificate of the MySQL server was refused.';
    const none = 'config_error: The MySQL server does not encrypt.';
    expect(await checked('require')).toBe(flavour === 'mysql' ? 'used' : none);
    expect(await checked('verify-full')).toBe(flavour === 'mysql' ? refused : none);
  });

  test('a table is read in pieces, and goes on after each of its states', async () => {
    await run(
      `CREATE TABLE pieces (id INT PRIMARY KEY, note TEXT)`,
      fill('pieces', `i, REPEAT('x', i)`, 95),
    );
    const stream = await streamOf(config(), 'pieces');
    const small = config({ checkpoint_records: 10 });
    const whole = await readAll(small, stream);
    expect(whole.covered).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 95]);
    const all = Array.from({ length: 95 }, (_, i) => i + 1);
    expect(idsOf(whole.records)).toEqual(all);
    // What came meanwhile is above the bound of its beginning.
    await run(`INSERT INTO pieces VALUES (1000, '')`);
    for (const [at, state] of whole.states.entries()) {
      const rest = await readAll(small, stream, { state: [state] });
      expect(idsOf(rest.records)).toEqual(all.slice(whole.covered[at]));
    }
    expect((await readAll(small, stream)).records).toHaveLength(96);
  });

  test.each<[string, string, string]>([
    [
      'texts without case, and a number',
      `a VARCHAR(20), b INT`,
      `CONCAT(CHAR(64 + (i % 7)), CASE WHEN i % 2 THEN 'ß''\\' ELSE 'Ö' END), -i`,
    ],
    [
      'an enum, by its number',
      `a ENUM('z','y','x'), b SMALLINT UNSIGNED`,
      `ELT(1 + i % 3, 'z', 'y', 'x'), i`,
    ],
    [
      'exact decimals',
      `a DECIMAL(30,20), b BIGINT UNSIGNED`,
      `i % 5 + 0.00000000000000000001 * (i % 3), 18446744073709551615 - i`,
    ],
    [
      'bytes',
      `a VARBINARY(9), b BINARY(2)`,
      `CONCAT(CHAR(i % 4), x'ff27'), UNHEX(LPAD(HEX(i), 4, '0'))`,
    ],
    [
      'times',
      `a DATETIME(6), b TIMESTAMP(3)`,
      `'2024-03-31 01:59:59' + INTERVAL (i % 9) MICROSECOND, '2024-10-27 00:30:00' + INTERVAL i SECOND`,
    ],
    [
      'days, times and years',
      `a DATE, b TIME(3), c YEAR`,
      `'2024-01-01' + INTERVAL (i % 3) DAY, SEC_TO_TIME(-i) , 2000 + i % 2`,
    ],
  ])('its order may be that of %s', async (name, columns, values) => {
    const table = `k_${name.replaceAll(/\W/g, '').slice(0, 12)}`;
    const names = [...columns.matchAll(/\b([abc]) /g)].map(([, column]) => column).join(', ');
    await run(
      `CREATE TABLE ${table} (id INT, ${columns}, PRIMARY KEY (${names}))`,
      fill(table, `i, ${values}`, 40),
    );
    const stream = await streamOf(config(), table);
    const small = config({ checkpoint_records: 7 });
    const whole = await readAll(small, stream);
    expect([...idsOf(whole.records)].sort((x, y) => x - y)).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    for (const [at, state] of whole.states.entries()) {
      const rest = await readAll(small, stream, { state: [state] });
      expect(rest.records).toEqual(whole.records.slice(whole.covered[at]));
    }
  });

  if (flavour === 'mariadb')
    test('its own types are texts, and keys', async () => {
      await run(
        `CREATE TABLE own (u UUID, i INET6, id INT, PRIMARY KEY (u, i))`,
        fill(
          'own',
          `CONCAT('00000000-0000-1000-8000-00000000000', i % 3), CONCAT('fe80::', i), i`,
          9,
        ),
      );
      const stream = await streamOf(config(), 'own');
      const whole = await readAll(config({ checkpoint_records: 2 }), stream);
      expect(JSON.parse(whole.records[0]!)).toEqual({
        ...{ u: '00000000-0000-1000-8000-000000000000', i: 'fe80::3', id: 3 },
      });
      for (const [at, state] of whole.states.entries()) {
        const rest = await readAll(config(), stream, { state: [state] });
        expect(rest.records).toEqual(whole.records.slice(whole.covered[at]));
      }
    });

  test('a table without a key is read in one piece, an empty one has a state', async () => {
    await run(
      `CREATE TABLE bare (id INT)`,
      fill('bare', 'i', 50),
      `CREATE TABLE hollow (id INT PRIMARY KEY)`,
    );
    const bare = await readAll(
      config({ checkpoint_records: 10 }),
      await streamOf(config(), 'bare'),
    );
    expect([bare.records.length, bare.states.length, bare.end.statuses]).toEqual([
      50,
      0,
      { [`${server.database}/bare`]: 'COMPLETE' },
    ]);
    const stream = await streamOf(config(), 'hollow');
    const empty = await readAll(config(), stream);
    expect([empty.records.length, empty.states.length]).toEqual([0, 1]);
    expect((await readAll(config(), stream, { state: empty.states })).end.failure).toBe(null);
  });

  test('by a cursor: each row once, also of values that many rows share, from every state', async () => {
    await run(
      `CREATE TABLE events (id INT PRIMARY KEY, at DATETIME(3), KEY (at))`,
      fill('events', `i, '2024-01-01' + INTERVAL (i DIV 9) SECOND`, 60),
      `INSERT INTO events VALUES (100, NULL)`,
    );
    const stream = await streamOf(config(), 'events');
    const small = config({ checkpoint_records: 10 });
    const first = await readAll(small, stream, { cursor: 'at' });
    expect(first.warnings).toEqual([expect.stringContaining('rows without a value in at')]);
    const all = Array.from({ length: 60 }, (_, i) => i + 1);
    expect(idsOf(first.records)).toEqual(all);
    for (const [at, state] of first.states.entries()) {
      const rest = await readAll(small, stream, { cursor: 'at', state: [state] });
      expect(idsOf(rest.records)).toEqual(all.slice(first.covered[at]));
    }
    // A lower key, at the very same value.
    await run(
      `INSERT INTO events VALUES (-1, (SELECT m FROM (SELECT MAX(at) AS m FROM events) x)), (200, '2025-01-01')`,
    );
    const second = await readAll(small, stream, { cursor: 'at', state: first.states.slice(-1) });
    expect(idsOf(second.records)).toEqual([-1, 200]);
    const third = await readAll(small, stream, { cursor: 'at', state: second.states.slice(-1) });
    expect(third.records).toEqual([]);
    const other = await readAll(small, stream, { cursor: 'id', state: second.states.slice(-1) });
    expect(other.end.failure).toMatchObject({ kind: 'config_error' });
  });

  test('rows that are committed late are found within the look-back', async () => {
    await run(
      `CREATE TABLE late (id INT PRIMARY KEY, at TIMESTAMP(6) NULL, n DECIMAL(12,2))`,
      `INSERT INTO late VALUES (1, '2024-01-01 00:00:00', 10), (2, '2024-01-01 01:00:00', 20)`,
    );
    const stream = await streamOf(config(), 'late');
    for (const [cursor, look_back, value] of [
      ['at', '15 min', `'2024-01-01 00:50:00'`],
      ['n', '5', '15.5'],
    ] as const) {
      const backwards = config({ look_back });
      const plain = await readAll(config(), stream, { cursor });
      const first = await readAll(backwards, stream, { cursor });
      expect(idsOf(first.records)).toEqual([1, 2]);
      await run(`INSERT INTO late (id, ${cursor}) VALUES (3, ${value}), (4, NULL)`);
      const second = await readAll(backwards, stream, { cursor, state: first.states.slice(-1) });
      expect(idsOf(second.records)).toEqual([3]);
      // Also where none was asked for before.
      const third = await readAll(backwards, stream, { cursor, state: plain.states.slice(-1) });
      expect(idsOf(third.records)).toEqual([3]);
      await run(`DELETE FROM late WHERE id > 2`);
    }
  });

  test('a state that holds SQL is refused', async () => {
    await run(`CREATE TABLE safe (id INT PRIMARY KEY)`, `INSERT INTO safe VALUES (1), (2)`);
    const stream = await streamOf(config(), 'safe');
    const { states } = await readAll(config(), stream);
    const text = JSON.stringify(states[0]).replace('"after":["2"]', '"after":["1 OR 1=1"]');
    const { end } = await readAll(config(), stream, { state: [JSON.parse(text)] });
    expect(end.failure).toMatchObject({
      kind: 'config_error',
      message: 'A value in the state of a stream is not one of its column.',
    });
  });

  test.each([
    // Two of them are larger than its max_allowed_packet.
    ['row', (n: number) => `REPEAT('x', ${n * 40}) AS a, REPEAT('x', ${n * 40}) AS b`],
    // One is, as base64.
    ['value', (n: number) => `CAST(REPEAT('x', ${n * 52}) AS BINARY) AS a`],
  ])('a %s that the server cannot write is told, and never sent as null', async (what, values) => {
    const million = flavour === 'mysql' ? 1_000_000 : 250_000;
    await run(`CREATE VIEW huge_${what} AS SELECT 1 AS id, ${values(million)}`);
    const { records, end } = await readAll(config(), await streamOf(config(), `huge_${what}`));
    expect(records).toEqual([]);
    expect(end.failure).toMatchObject({
      kind: 'config_error',
      remedy: expect.stringContaining('max_allowed_packet') as string,
    });
  });

  /** Numbers of other connections to the database, whose statement holds this text. */
  const sessions = async (statement = ''): Promise<readonly number[]> => {
    const like = statement === '' ? '' : `AND INFO LIKE '%${statement}%'`;
    const rows = await server.query(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = '${server.database}' AND ID <> CONNECTION_ID() ${like}`,
    );
    return rows.map(({ id }) => Number(id));
  };
  const slowStatement = '"slow_view" AS s';

  test('a drain ends after a state, an abort at once; neither leaves a session behind', async () => {
    await run(
      `CREATE TABLE long_one (id INT PRIMARY KEY, note TEXT)`,
      fill('long_one', `i, REPEAT('x', 20000)`, 900),
    );
    const stream = await streamOf(config(), 'long_one');
    for (const by of [{}, { cursor: 'id' }]) {
      const drain = new AbortController();
      const drained = await readAll(config({ checkpoint_records: 10_000 }), stream, {
        ...{ ...by, drain: drain.signal },
        each: ({ type }) => type === 'BLOCK' && drain.abort(),
      });
      expect(drained.end).toMatchObject({ drained: true, failure: null });
      expect(drained.records.length).toBeLessThan(900);
      expect(drained.covered).toEqual([drained.records.length]);
      const rest = await readAll(config(), stream, { ...by, state: drained.states });
      const all = Array.from({ length: 900 }, (_, i) => i + 1);
      expect(idsOf([...drained.records, ...rest.records])).toEqual(all);
    }

    const abort = new AbortController();
    const aborted = await readAll(config(), stream, {
      abort: abort.signal,
      each: ({ type }) => type === 'BLOCK' && abort.abort(),
    });
    expect(aborted.end.failure).toMatchObject({ code: 'aborted' });
    await eventually('the sessions are gone', async () => (await sessions()).length === 0, 5_000);
  });

  test('an abort also ends a statement that the server has not answered yet', async () => {
    await run(
      `CREATE TABLE slow (id INT PRIMARY KEY, at DATETIME)`,
      `INSERT INTO slow VALUES (1, '2024-01-01')`,
      `CREATE VIEW slow_view AS SELECT id, at, SLEEP(60) AS z FROM slow`,
    );
    const stream = await streamOf(config(), 'slow_view');
    const abort = new AbortController();
    const reading = readAll(config(), stream, { abort: abort.signal });
    await eventually('it runs', async () => (await sessions(slowStatement)).length > 0, 5_000);
    abort.abort();
    expect((await reading).end.failure).toMatchObject({ code: 'aborted' });
    await eventually('its statement is gone', async () => (await sessions()).length === 0, 5_000);
  });

  test('a session that is lost is a failure that passes', async () => {
    const stream = await streamOf(config(), 'slow_view');
    const reading = readAll(config(), stream);
    await eventually('it runs', async () => (await sessions(slowStatement)).length > 0, 5_000);
    const [id] = await sessions(slowStatement);
    await run(`KILL ${id}`);
    expect((await reading).end.failure).toMatchObject({
      ...{ kind: 'transient_error', origin: 'source' },
    });
  });
});
