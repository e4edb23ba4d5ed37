import { generateKeyPairSync } from 'node:crypto';
import type { Connection } from 'snowflake-sdk';
import { checkpointTable } from '../../connectors/kit/ledger.ts';
import { shortHash } from '../../connectors/kit/identifiers.ts';
import { snowflake } from '../../connectors/snowflake/driver.ts';
import { snowflakeDestination, type SnowflakeConfig } from '../../connectors/snowflake/index.ts';
import { testSnowflake } from '../support/snowflake.ts';
import { createDdlGuard } from './ddl-guard.ts';
import { connection, database, type Harness, type Offers, type TextRow } from './harness.ts';
import { createRecorder } from './warehouse/statements.ts';

const guard = createDdlGuard();
export const snowflakeRecorder = createRecorder('snowflake.sql');
const create = snowflake.createConnection;
/** Each statement of the product's sessions is told to the guard and the recorder. Snowflake counts DESCRIBE and SHOW among the definitions. */
snowflake.createConnection = (options): Connection => {
  const made = create(options);
  const execute = made.execute.bind(made);
  made.execute = (statement) => {
    snowflakeRecorder.said(statement.sqlText);
    guard.said(made, statement.sqlText.replace(/^\s*(DESCRIBE|SHOW)\b/i, 'ALTER'));
    return execute(statement);
  };
  return made;
};

/** Names of the catalog, as the product spells them. */
const spelledHere = (row: TextRow): TextRow =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value!.toLowerCase()]));

/** A VARIANT's numbers have 38 digits. */
export const snowflakeOffers: Offers = {
  ...database,
  numerals: { json: '12345678901234567890.123456789012345678' },
};

const without = (config: SnowflakeConfig, name: keyof SnowflakeConfig): SnowflakeConfig => {
  const { [name]: _, ...rest } = config;
  return rest as SnowflakeConfig;
};

/** Of the way in which the config logs in. */
function wrongSecret({ private_key, oauth_token }: SnowflakeConfig): Partial<SnowflakeConfig> {
  if (oauth_token !== undefined) return { oauth_token: 'wrong' };
  if (private_key === undefined) return { password: 'wrong' };
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** A schema of its own. Names in quotes are in upper case there. */
export async function createSnowflake(): Promise<Harness<SnowflakeConfig>> {
  const test = await testSnowflake();
  const { config, schema } = test;
  const own = `${checkpointTable}_${shortHash(connection.id, 16)}`;
  const there = (sql: string): string =>
    sql
      .replaceAll(checkpointTable, own)
      .replaceAll(/"[^"]+"/g, (name) => name.toUpperCase())
      .replaceAll(/(?<=table_(?:schema|name) (?:=|NOT IN) )(?:'[^']*'|\([^)]*\))/g, (name) =>
        name.toUpperCase(),
      )
      .replaceAll(
        `"${schema.toUpperCase()}"`,
        `"${config.database.toUpperCase()}"."${schema.toUpperCase()}"`,
      );
  return {
    config,
    schema,
    destination: snowflakeDestination,
    broken: {
      'wrong secret': { ...config, ...wrongSecret(config) },
      'unknown role': { ...config, role: 'NOBODY' },
      'unknown database': { ...config, database: 'NO_SUCH_DATABASE' },
      'unknown warehouse': { ...config, warehouse: 'NO_SUCH_WAREHOUSE' },
      'unreadable key': {
        ...without(config, 'private_key_passphrase'),
        private_key: 'secret-text',
      },
      'unknown host': { ...config, url: 'http://no-such-host.invalid' },
    },
    async query(sql) {
      const rows = await test.query(there(sql));
      return sql.includes('information_schema') ? rows.map(spelledHere) : rows;
    },
    async drop() {
      await test.drop();
      guard.check();
      snowflakeRecorder.check();
    },
  };
}
