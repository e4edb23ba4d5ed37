import { loginOf, placeOf } from '../../../connectors/snowflake/config.ts';
import { asSnowflakeError, isConflict } from '../../../connectors/snowflake/errors.ts';
import type { SyncError } from '../../../protocol/index.ts';
import { failure, never } from '../harness.ts';

const place = 'myorg-wh/ANALYTICS';
const told = (error: object, grant?: string): SyncError =>
  asSnowflakeError(Object.assign(new Error('secret value'), error), never, {
    ...{ place, warehouse: 'loading_wh' },
    ...(grant !== undefined && { grant }),
  });

test.each<[what: string, error: object, kind: string]>([
  ['a wrong password', { code: '390100' }, 'config_error'],
  ['a key of nobody', { code: '390144' }, 'config_error'],
  ['an unknown role', { code: '390189' }, 'config_error'],
  ['an expired token', { code: '390318' }, 'config_error'],
  ['a network policy', { code: '390422' }, 'config_error'],
  ['a login refused otherwise', { code: '390999' }, 'config_error'],
  ['an account that is none', { code: 401002, response: { statusCode: 403 } }, 'config_error'],
  ['an unknown host', { code: 401001, cause: { code: 'ENOTFOUND' } }, 'config_error'],
  ['no warehouse', { code: '000606' }, 'config_error'],
  ['a missing table', { code: '002003' }, 'config_error'],
  ['a missing right', { code: '003001' }, 'config_error'],
  ['a session that is gone', { code: '390112' }, 'transient_error'],
  ['a refused connection', { code: 401001, cause: { code: 'ECONNREFUSED' } }, 'transient_error'],
  [
    'an answer of a broken service',
    { code: 401002, response: { statusCode: 503 } },
    'transient_error',
  ],
  ['a reset connection to storage', { code: 'ECONNRESET' }, 'transient_error'],
  ['a statement over its limit', { code: '000630', sqlState: '57014' }, 'transient_error'],
  ['a suspended warehouse', { code: '000608', sqlState: '57P03' }, 'config_error'],
  ['an ended transaction', { code: '000615' }, 'transient_error'],
  ['a cancelled statement', { code: '000604', sqlState: '57014' }, 'transient_error'],
  ['waiters for a table', { code: '000625', sqlState: '57014' }, 'transient_error'],
  ['a full disk here', { code: 'ENOSPC', path: '/tmp/x' }, 'transient_error'],
  ['a value that cannot be cast', { code: '100038' }, 'system_error'],
  ['a mistake in a statement', { code: '001003' }, 'system_error'],
])(
  '%s is told for what it is, with a remedy and without what the service said',
  (_, error, kind) => {
    const found = told(error);
    expect([found.kind, found.origin, found.place]).toEqual([kind, 'destination', place]);
    expect(found.remedy).toBeTruthy();
    expect(JSON.stringify(found.toFailure())).not.toContain('secret value');
  },
);

test('a right that is missing is told as the statement that gives it', () => {
  const grant = 'GRANT CREATE STAGE ON SCHEMA A.B TO ROLE C';
  expect(told({ code: '003001' }, grant).remedy).toContain(grant);
  expect(told({ code: '000606' }, grant).remedy).not.toContain(grant);
});

test('only waiting for a table is a conflict', () => {
  expect(isConflict({ code: '000625', sqlState: '57014' })).toBe(true);
  expect(isConflict({ sqlState: '57014', message: 'aborted because of a deadlock' })).toBe(true);
  expect(isConflict({ code: '000630', sqlState: '57014', message: 'timeout' })).toBe(false);
  expect([null, undefined, 'x', {}].map(isConflict)).toEqual([false, false, false, false]);
});

test('an abort is told as one, whatever the driver says', () => {
  const abort = AbortSignal.abort();
  const doing = { place, warehouse: 'loading_wh' };
  expect(asSnowflakeError(new Error('x'), abort, doing).code).toBe('aborted');
});

describe('a config', () => {
  const rest = { warehouse: 'W', database: 'ANALYTICS', username: 'tidemark' };

  test('names the account, or a URL that holds it', () => {
    const url = 'https://myorg-wh.privatelink.snowflakecomputing.com';
    expect(loginOf({ ...rest, account: 'myorg-wh', password: 'x' })).toEqual({
      ...{ ...rest, account: 'myorg-wh', authenticator: 'SNOWFLAKE', password: 'x' },
    });
    expect(loginOf({ ...rest, url, oauth_token: 't' })).toEqual({
      ...{ ...rest, account: 'myorg-wh', accessUrl: url, authenticator: 'OAUTH', token: 't' },
    });
    expect(placeOf({ ...rest, url })).toBe('myorg-wh.privatelink.snowflakecomputing.com/ANALYTICS');
  });

  test('with a key that cannot be read is refused without it', async () => {
    const config = { ...rest, account: 'a', private_key: 'secret-text' };
    const error = await failure(Promise.resolve().then(() => loginOf(config)));
    expect([error.kind, error.place]).toEqual([
      'config_error',
      'private_key in the config of the destination',
    ]);
    expect(JSON.stringify([error.toFailure(), String(error.cause)])).not.toContain('secret-text');
  });
});
