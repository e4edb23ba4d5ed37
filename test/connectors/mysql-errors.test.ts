import { loginOf } from '../../connectors/mysql/config.ts';
import { destinationLogin } from '../../connectors/mysql/destination/config.ts';
import { plainNumeral } from '../../connectors/kit/rows/numerals.ts';
import { foldName } from '../../connectors/mysql/destination/server.ts';
import { parseType, typeText, widerType } from '../../connectors/mysql/destination/types.ts';
import { asMysqlError } from '../../connectors/mysql/errors.ts';

test.each([
  [{ errno: 1045 }, 'config_error'],
  [{ errno: 1142 }, 'config_error'],
  [{ errno: 3948 }, 'config_error'],
  [{ errno: 1040 }, 'transient_error'],
  [{ errno: 1205 }, 'transient_error'],
  [{ errno: 1927 }, 'transient_error'],
  [{ errno: 1054 }, 'system_error'],
  [{ errno: 1969 }, 'transient_error'],
  [{ code: 'ECONNREFUSED', errno: -111 }, 'transient_error'],
  [{ code: 'PROTOCOL_CONNECTION_LOST' }, 'transient_error'],
  [{ code: 'ENOTFOUND' }, 'config_error'],
  [{ code: 'HANDSHAKE_SSL_ERROR', message: 'self-signed certificate' }, 'config_error'],
  [{ code: 'HANDSHAKE_SSL_ERROR', message: 'read ECONNRESET' }, 'transient_error'],
])('the driver’s error %j is a %s', (like, kind) => {
  const error = asMysqlError(Object.assign(new Error('with a secret'), like));
  expect(error.kind).toBe(kind);
  expect(error.remedy).toBeDefined();
  expect(JSON.stringify(error.toFailure())).not.toContain('secret');
});

test.each([
  [1054, 'system_error', 'config_error'],
  [1146, 'system_error', 'config_error'],
  [1356, 'system_error', 'config_error'],
  [1290, 'config_error', 'system_error'],
  [3948, 'config_error', 'system_error'],
])('the number %i says another thing to each end', (errno, written, read) => {
  const error = Object.assign(new Error('refused'), { errno });
  expect(asMysqlError(error).kind).toBe(written);
  expect(asMysqlError(error, undefined, 'h:3306', 'source').kind).toBe(read);
});

test('what differs between the ends is told in the words of the one that met it', () => {
  const denied = Object.assign(new Error('denied'), { errno: 1142 });
  expect(asMysqlError(denied, undefined, 'h:3306/d')).toMatchObject({
    ...{ origin: 'destination', place: 'h:3306/d' },
    remedy: expect.stringContaining('GRANT SELECT, INSERT') as string,
  });
  expect(asMysqlError(denied, undefined, 'h:3306', 'source')).toMatchObject({
    ...{ origin: 'source', place: 'h:3306' },
    remedy: expect.stringContaining('GRANT SELECT, SHOW VIEW') as string,
  });
  const insecure = Object.assign(new Error('read ECONNRESET'), { code: 'HANDSHAKE_SSL_ERROR' });
  for (const origin of ['source', 'destination'] as const)
    expect(asMysqlError(insecure, undefined, 'h:3306', origin)).toMatchObject({
      ...{ origin, kind: 'transient_error' },
    });
});

test('a URL says all that the parts do, and is not told where it is none', () => {
  expect(destinationLogin({ url: 'mysql://a%40b:p%2Fw@[::1]:3307/my%20db' })).toEqual({
    ...{ host: '::1', port: 3307, user: 'a@b', password: 'p/w', database: 'my db' },
  });
  expect(destinationLogin({ host: 'h', database: 'd', username: 'u' })).toEqual({
    ...{ host: 'h', port: 3306, user: 'u', password: '', database: 'd' },
  });
  for (const url of ['mysql://u:secret@[h/d', 'postgres://u:secret@h/d', 'mysql://u:secret@h'])
    expect(() => destinationLogin({ url })).toThrow(expect.not.stringContaining('secret'));
});

test('a source needs no database, and tells which URL is wrong', () => {
  expect(loginOf({ url: 'mariadb://u:p@h' }, 'source').database).toBeNull();
  expect(loginOf({ url: 'mysql://u:p@h', database: 'd' }, 'source').database).toBe('d');
  expect(loginOf({ host: 'h', username: 'u' }, 'source').database).toBeNull();
  expect(() => loginOf({ url: 'mysql://u:secret@[h' }, 'source')).toThrow(
    expect.objectContaining({ origin: 'source', place: 'url in the config of the source' }),
  );
});

test('numerals are written out, exactly or not at all', () => {
  const within = { whole: 5, scale: 3 };
  const written = ['12.50', '-1.5e3', '1e-3', '0.000', '-0', '123456', '1.0005', '012', '1e9999'];
  expect(written.map((text) => plainNumeral(text, within))).toEqual([
    ...['12.5', '-1500', '0.001', '0', '0', null, null, null, null],
  ]);
});

test('a type is widened where one holds more, by what the batch and the column need', () => {
  expect(widerType('bigint', { whole: 20, scale: 0 })).toBe('decimal(65,0)');
  expect(widerType('bigint', { whole: 1, scale: 1 })).toBeNull();
  expect(widerType('double', { whole: 38, scale: 0 })).toBe('decimal(65,14)');
  expect(widerType('double', { whole: 1, scale: 31 })).toBeNull();
  expect(widerType('decimal(65,14)', { whole: 1, scale: 20 })).toBe('decimal(65,30)');
  expect(widerType('decimal(65,0)', { whole: 1, scale: 20 })).toBeNull();
  expect(widerType('decimal(6,2)', { whole: 1, scale: 20 })).toBeNull();
});

test('types are read as both servers tell them', () => {
  expect(typeText({ type: 'bigint(20) unsigned', comment: '' })).toBe('bigint unsigned');
  expect(typeText({ type: 'tinyint(1)', comment: 'mine' })).toBe('tinyint(1)');
  expect(parseType(typeText({ type: 'datetime(6)', comment: 'UTC' }))).toEqual({
    ...{ name: 'datetime', sizes: [6], unsigned: false, mark: 'UTC' },
  });
});

test('names that differ in case alone are one, whatever their alphabet', () => {
  for (const [one, other] of [
    ['Name', 'NAME'],
    ['ΑΣ', 'ασ'],
    ['ας', 'ασ'],
    ['İ', 'i'],
    ['ſ', 's'],
  ] as const)
    expect(foldName(one)).toBe(foldName(other));
  expect(foldName('é')).not.toBe(foldName('e'));
});
