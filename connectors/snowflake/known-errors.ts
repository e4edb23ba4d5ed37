import type { FailureKind } from '../../protocol/index.ts';

/** What a person is told of an error. */
export interface Known {
  readonly kind: FailureKind;
  readonly message: string;
  readonly remedy: string;
}

export const config = (message: string, remedy: string): Known => ({
  kind: 'config_error',
  message,
  remedy,
});
export const transient = (message: string, remedy: string): Known => ({
  kind: 'transient_error',
  message,
  remedy,
});

const goesOn = 'The next attempt goes on from the last checkpoint.';
const tokenRemedy = 'Put a new one into the secrets of the connection, or log in with a key.';
const gone = transient('The Snowflake session is gone.', goesOn);
const canceled = transient('A Snowflake statement was cancelled.', goesOn);
const disconnected = transient('The connection to Snowflake was lost.', goesOn);
const noRight = config(
  'The Snowflake role lacks a privilege.',
  'Grant the role USAGE on warehouse and database, and USAGE, CREATE TABLE and CREATE STAGE on the schema; it must own the tables that it writes.',
);
const missing = config(
  'Something does not exist in Snowflake, or the role may not see it.',
  'Check database, schema, warehouse and role in the config, and what the role may use.',
);
const noStorage = transient('The storage of the stage could not be reached.', goesOn);

/** By the numbers of the service, and by those of the driver, which begin with 4. */
const byNumber: Readonly<Record<number, Known>> = {
  390100: config('Snowflake refused the login.', 'Check username and password.'),
  390101: config('Snowflake refused the login.', 'Check username and password.'),
  390144: config(
    'Snowflake refused the key of the user.',
    'Check account and username, that the user has the public half (DESCRIBE USER: RSA_PUBLIC_KEY_FP), and the clock of the worker.',
  ),
  390189: config(
    'The role does not exist, or the user does not have it.',
    'Correct role in the config, or GRANT ROLE … TO USER …;',
  ),
  390201: config(
    'The warehouse or the database does not exist, or the role may not use it.',
    'Correct warehouse and database in the config, or GRANT USAGE ON … TO ROLE …;',
  ),
  390303: config('Snowflake refused the OAuth token.', tokenRemedy),
  390318: config('The OAuth token has expired.', tokenRemedy),
  390422: config(
    'The network policy of the account bars the worker.',
    'Allow the address of the worker in the policy.',
  ),
  390104: gone,
  390111: gone,
  390112: gone,
  390114: gone,
  604: canceled,
  // A newer writer ends the transactions of those before it.
  615: transient('A transaction of Snowflake was ended from outside.', goesOn),
  606: config(
    'No warehouse can be used.',
    'Correct warehouse in the config, or GRANT USAGE ON WAREHOUSE … TO ROLE …;',
  ),
  630: transient(
    'A Snowflake statement took longer than its limit.',
    'Use a larger warehouse, or a smaller batch_max in the policy of the connection.',
  ),
  2003: missing,
  2043: missing,
  3001: noRight,
  90073: transient(
    'The warehouse may not resume: its resource monitor has no credits left.',
    'Raise the quota of the resource monitor, or name another warehouse.',
  ),
  90105: missing,
  90106: missing,
  401001: transient(
    'Snowflake could not be reached.',
    'Check the network between the worker and the account. ' + goesOn,
  ),
  401003: disconnected,
  401004: gone,
  402001: noStorage,
  402002: noStorage,
  405503: disconnected,
  407001: disconnected,
  407002: disconnected,
};

/** Logins are refused by many numbers. */
const isLogin = (number: number): boolean => number >= 390_000 && number < 400_000;
/** The driver will not begin with such options. */
const isOptions = (number: number): boolean => number >= 404_000 && number < 405_000;

/** By the name of the warehouse, as the server spells it. (docs.snowflake.com: sql-reference/sql/alter-warehouse) */
export const suspended = (warehouse: string): Known =>
  config(
    'The Snowflake warehouse is suspended, and does not resume by itself.',
    `ALTER WAREHOUSE ${warehouse} RESUME; or, so that it does so each time: ALTER WAREHOUSE ${warehouse} SET AUTO_RESUME = TRUE;`,
  );

/** null: it is not known. */
export function knownError(number: number): Known | null {
  const known = byNumber[number];
  if (known !== undefined) return known;
  if (isLogin(number))
    return config(
      'Snowflake refused the login.',
      'Look the number up among Snowflake’s; check username, its secrets, and that the user is enabled.',
    );
  if (isOptions(number))
    return config(
      'The driver of Snowflake refused the config.',
      'Check account, url and the way of logging in.',
    );
  return null;
}
