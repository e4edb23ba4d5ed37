import { fitOf, superFit } from '../../../connectors/redshift/cells.ts';
import { copySql } from '../../../connectors/redshift/copy.ts';
import { dialect } from '../../../connectors/redshift/dialect.ts';
import { asRedshiftError, isConflict } from '../../../connectors/redshift/errors.ts';
import { csvLine, nullText } from '../../../connectors/redshift/line.ts';
import { lowerCase, numbered, quoteLiteral, quoteName } from '../../../connectors/redshift/sql.ts';
import { typeOf, widerType } from '../../../connectors/redshift/types.ts';
import { redshiftWarehouse } from '../../../connectors/redshift/warehouse.ts';
import { claimNames } from '../../../connectors/kit/identifiers.ts';
import { packed, unpacked } from '../../../connectors/kit/warehouse/packed.ts';
import { csvRows } from '../../support/redshift/csv.ts';

test('values stand as $1, $2, …; question marks in literals and names stay', () => {
  expect(numbered(`SELECT '?''?', "a?""?", '\\'?' FROM t WHERE a = ? AND b = ?`)).toBe(
    `SELECT '?''?', "a?""?", '\\'?' FROM t WHERE a = $1 AND b = $2`,
  );
});

test('literals escape backslashes; names are in lower case, letters of ASCII only', () => {
  expect(quoteLiteral(`a'b\\c`)).toBe(`'a''b\\\\c'`);
  expect(quoteName('Ä"Tag')).toBe('"Ä""tag"');
});

test('a line keeps what is empty, quoted or broken over lines apart from what is not there', () => {
  const cells = ['', null, 'a"b', 'c\r\nd', ',', '\\N', ' '];
  const line = csvLine([], cells);
  expect([...csvRows(Buffer.from(line + line))]).toEqual([
    ...[cells, cells].map((row) => row.map((cell) => cell ?? nullText)),
  ]);
});

test('texts fit by their bytes; a NUL and the text that stands for NULL do not', () => {
  const fit = fitOf(typeOf('string'));
  expect(fit(JSON.stringify('ä'.repeat(32_767)))).toHaveLength(32_767);
  expect(fit(JSON.stringify('ä'.repeat(32_768)))).toBeNull();
  expect([fit('"a\\u0000"'), fit(JSON.stringify(nullText))]).toEqual([null, null]);
  expect([fit('""'), fit('"\\\\N"'), fit('17')]).toEqual(['', '\\N', '17']);
  expect(fitOf('character varying(3)')('"abcd"')).toBeNull();
  expect(fitOf('character(3)')('"abc"')).toBeNull();
});

test('a SUPER takes what it keeps exactly, and no more bytes than a text', () => {
  for (const json of ['{"a":[1.5,"x",null]}', '123456789012345678', '0.1', '"a"'])
    expect(superFit(json)).toBe(json);
  for (const json of [
    '[12345678901234567890]',
    '[1e-320]',
    '{"a":"\\u0000"}',
    '[0.12345678901234567890]',
  ])
    expect(superFit(json)).toBeNull();
  expect(superFit(JSON.stringify('x'.repeat(65_534)))).toBeNull();
  expect(superFit('[{"a":1,"b":2,"a":[3, {"a":4}]}]')).toBe('[{"a":[3,{"a":4}],"b":2}]');
});

test('numbers and times beyond what the reference promises do not fit', () => {
  const double = fitOf(typeOf('number'));
  expect([double('0.1'), double('1e-320'), double('0.12345678901234567890')]).toEqual([
    '0.1',
    null,
    null,
  ]);
  const timetz = fitOf(typeOf('timetz'));
  expect([timetz('"10:11:12.5+02"'), timetz('"10:11:12Z"'), timetz('"10:11:12"')]).toEqual([
    '10:11:12.5+02:00',
    '10:11:12+00:00',
    '10:11:12+00:00',
  ]);
  expect(timetz('"10:11:12-14:59"')).toBe('10:11:12-14:59');
  for (const none of ['10:11:12+15:00', '24:00:00Z', '25:00:00Z', 'x'])
    expect(timetz(JSON.stringify(none))).toBeNull();
});

test('columns of numbers become decimals of 38 digits, with room on both sides', () => {
  expect(widerType('bigint', { whole: 20, scale: 0 })).toBe('numeric(38,0)');
  expect(widerType('double precision', { whole: 20, scale: 18 })).toBe('numeric(38,18)');
  expect(widerType('double precision', { whole: 10, scale: 10 })).toBe('numeric(38,19)');
  expect(widerType('double precision', { whole: 30, scale: 10 })).toBeNull();
  expect(widerType('numeric(38,0)', { whole: 1, scale: 1 })).toBeNull();
});

test('keys are told apart by the spaces at their end, which Redshift does not compare', () => {
  expect(dialect.comparable('"k"', typeOf('string'))).toBe(`("k" || '.')`);
  expect(dialect.comparable('"k"', 'bigint')).toBe('"k"');
});

test('a name that is kept in lower case is found again, whatever its company', () => {
  const naming = { fold: dialect.fold, spell: dialect.spell!, reserved: [] };
  const first = claimNames(['Id', 'id', 'Größe'], { ...naming, existing: [] });
  expect(first.get('Id')).toBe('id');
  expect(first.get('id')).toMatch(/^id_[0-9a-f]{8}$/);
  expect(first.get('Größe')).toBe('größe');
  const existing = [...first.values()];
  for (const wanted of [
    ['id', 'Id', 'Größe'],
    ['Größe', 'Id', 'id'],
  ]) {
    const again = claimNames(wanted, { ...naming, existing });
    for (const one of wanted) expect(again.get(one)).toBe(first.get(one));
  }
});

test('names that are the system’s own, or have characters that nobody sees, are other names', () => {
  const { fold, narrow, reserved = [] } = dialect;
  const wanted = ['ctid', 'OID', 'a\nb', 'a\u200db', 'x-y "z"'];
  const names = claimNames(wanted, { fold, spell: lowerCase, narrow, existing: [], reserved });
  expect([...names.values()]).toEqual([
    expect.stringMatching(/^ctid_[0-9a-f]{8}$/),
    expect.stringMatching(/^oid_[0-9a-f]{8}$/),
    expect.stringMatching(/^ab_[0-9a-f]{8}$/),
    expect.stringMatching(/^ab_[0-9a-f]{8}$/),
    'x-y "z"',
  ]);
  expect(new Set(names.values()).size).toBe(wanted.length);
});

test('a key of SUPER distributes nothing', () => {
  const warehouse = redshiftWarehouse({ bucket: 'b', host: 'h' });
  expect(warehouse.tableOptions(['"a"', '"b"'], ['bigint', 'date'])).toBe(
    'DISTSTYLE KEY DISTKEY ("a") COMPOUND SORTKEY ("a", "b")',
  );
  expect(warehouse.tableOptions(['"a"'], ['super'])).toBe('DISTSTYLE AUTO SORTKEY AUTO');
  const auto = redshiftWarehouse({ bucket: 'b', host: 'h', distribution: 'auto' });
  expect(auto.tableOptions(['"a"'], ['bigint'])).toBe('DISTSTYLE AUTO SORTKEY AUTO');
});

test('COPY takes every file of the manifest or fails, with the role or the key', () => {
  const copied = { table: '"s"."t"', columns: ['Id'], manifest: 's3://b/m' };
  const role = copySql(
    { bucket: 'b', iam_role: 'arn:x', access_key_id: 'K', region: 'eu-west-1' },
    copied,
  );
  expect(role).toBe(
    `COPY "s"."t" ("id") FROM 's3://b/m' IAM_ROLE 'arn:x' REGION 'eu-west-1' MANIFEST FORMAT AS CSV NULL AS '${nullText}' GZIP COMPUPDATE OFF STATUPDATE OFF`,
  );
  const key = { bucket: 'b', access_key_id: 'K', secret_access_key: `s'`, session_token: 't' };
  expect(copySql(key, copied)).toContain(
    `ACCESS_KEY_ID 'K' SECRET_ACCESS_KEY 's''' SESSION_TOKEN 't'`,
  );
  expect(() => copySql({ bucket: 'b' }, copied)).toThrow('nothing to read the bucket with');
});

const told = (code: string, message: string, detail?: string) =>
  Object.assign(new Error(message), { code, ...(detail !== undefined && { detail }) });

test.each([
  told(
    'XX000',
    '1023',
    'Serializable isolation violation on table - 1, transactions forming the cycle are: 1, 2 (pid:3)',
  ),
  told('XX000', 'could not complete because of conflict with concurrent transaction'),
  told('XX000', '1018', 'Relation does not exist.'),
  told('40P01', 'deadlock detected'),
])('a conflict is one: %s', (error) => {
  expect(isConflict(error)).toBe(true);
  expect(isConflict(asRedshiftError(error))).toBe(true);
  expect(asRedshiftError(error).kind).toBe('transient_error');
});

test.each([
  ['config_error', told('28000', 'password authentication failed for user "x"')],
  ['config_error', told('42501', 'permission denied for schema x')],
  ['config_error', told('2BP01', 'cannot drop table x because other objects depend on it')],
  [
    'config_error',
    told(
      'XX000',
      'S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 1,ExtRid 2,CanRetry 1',
    ),
  ],
  ['config_error', told('XX000', 'User arn:x is not authorized to assume IAM Role arn:y')],
  [
    'config_error',
    told(
      'XX000',
      'S3ServiceException:The bucket you are attempting to access must be addressed using the specified endpoint.,Status 301,Error PermanentRedirect',
    ),
  ],
  [
    'transient_error',
    told('XX000', 'S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown'),
  ],
  ['transient_error', told('57014', 'Query (1) cancelled on user’s request')],
  ['transient_error', told('ECONNRESET', 'read ECONNRESET')],
  ['transient_error', new Error('Connection terminated unexpectedly')],
  ['system_error', told('42601', 'syntax error at or near "secret text"')],
] as const)('%s: %s', (kind, error) => {
  const found = asRedshiftError(error, undefined, 'host:5439/dev');
  expect(isConflict(error)).toBe(false);
  expect(found).toMatchObject({ kind, origin: 'destination', place: 'host:5439/dev' });
  expect(found.remedy).toBeDefined();
  expect(`${found.message} ${found.remedy}`).not.toContain('secret text');
});

test('what is longer than a text is kept compressed, and refused where it is too long even so', () => {
  const state = JSON.stringify(
    Array.from({ length: 10_000 }, (_, i) => ({ table: `t${i % 100}` })),
  );
  const kept = packed(state, 65_535);
  expect(Buffer.byteLength(kept)).toBeLessThan(65_536);
  expect(unpacked(kept)).toBe(state);
  expect(packed('{}', 65_535)).toBe('{}');
  expect(packed(state, undefined)).toBe(state);
  expect(() => packed(state, 100)).toThrow('longer than the destination has room for');
});
