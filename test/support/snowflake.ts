import type { Connection, RowStatement } from 'snowflake-sdk';
import { loginOf, stageOf, type SnowflakeConfig } from '../../connectors/snowflake/config.ts';
import { snowflake } from '../../connectors/snowflake/driver.ts';
import { zoneOf, type TextRow } from '../connectors/harness.ts';
import { snowflakeSecrets } from './snowflake-server.ts';
import { ownPrefix, ownSchema, serviceConfig, type TestWarehouse } from './warehouse.ts';

/** A schema of its own. */
export type TestSnowflake = TestWarehouse<SnowflakeConfig>;

// As it is now: tests that listen to the product replace it.
const { createConnection } = snowflake;
// A VARIANT's text as it is. The product reads none.
snowflake.configure({ jsonColumnVariantParser: (text: string) => text });

export const snowflakeUrl = (): string => {
  const url = process.env['TEST_SNOWFLAKE_URL'];
  if (url === undefined) throw new Error('TEST_SNOWFLAKE_URL is not set: see test/support.');
  return url;
};

const ofEmulator = (): SnowflakeConfig => ({
  ...{ url: snowflakeUrl(), username: snowflakeSecrets.user, password: snowflakeSecrets.password },
  ...{ role: 'TIDEMARK_ROLE', warehouse: 'TIDEMARK_WH', database: 'TIDEMARK' },
});

/** Of Snowflake itself where TEST_SNOWFLAKE_CONFIG names its config, else of the emulator. */
export async function testSnowflake(): Promise<TestSnowflake> {
  const schema = ownSchema();
  const config = { ...(serviceConfig<SnowflakeConfig>('snowflake') ?? ofEmulator()), schema };
  const connection = await connect(config);
  const query = (sql: string): Promise<readonly TextRow[]> => execute(connection, sql);
  const quoted = (name: string): string => `"${name.toUpperCase()}"`;
  const at = `${quoted(config.database)}.${quoted(schema)}`;
  await query(`CREATE SCHEMA ${at}`);
  const namesOf = async (show: string): Promise<readonly string[]> =>
    (await query(show)).map((row) => row['name']!.toLowerCase());
  return {
    ...{ schema, config, query },
    table: (name) => `${at}.${quoted(name)}`,
    ownTables: () =>
      namesOf(`SHOW TERSE TABLES IN SCHEMA ${at} STARTS WITH '${ownPrefix.toUpperCase()}'`),
    async files() {
      const stage = stageOf(config);
      const stages = await namesOf(`SHOW STAGES LIKE '${stage}' IN SCHEMA ${at}`);
      return stages.length === 0 ? [] : namesOf(`LIST '@${at}.${quoted(stage)}/'`);
    },
    async drop() {
      for (const one of [schema, zoneOf(schema)])
        await query(`DROP SCHEMA IF EXISTS ${quoted(config.database)}.${quoted(one)} CASCADE`);
      await new Promise<void>((resolve) => connection.destroy(() => resolve()));
    },
  };
}

async function connect(config: SnowflakeConfig): Promise<Connection> {
  const connection = createConnection.call(snowflake, {
    ...loginOf(config),
    application: 'Tidemark-tests',
    fetchAsString: ['Boolean', 'Number', 'Date'],
    representNullAsStringNull: false,
  });
  await new Promise<void>((resolve, reject) => {
    connection.connect((error) => (error ? reject(error) : resolve()));
  });
  await execute(
    connection,
    `ALTER SESSION SET TIMEZONE = 'UTC', QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE, DATE_OUTPUT_FORMAT = 'YYYY-MM-DD',
       TIME_OUTPUT_FORMAT = 'HH24:MI:SS.FF9', TIMESTAMP_NTZ_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF9',
       TIMESTAMP_TZ_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF9TZH'`,
  );
  return connection;
}

const execute = (connection: Connection, sqlText: string): Promise<readonly TextRow[]> =>
  new Promise((resolve, reject) => {
    connection.execute({
      sqlText,
      complete(error, statement, rows) {
        if (error) return reject(error);
        const types = new Map(
          ((statement as RowStatement).getColumns() ?? []).map((one) => [
            one.getName(),
            one.getType(),
          ]),
        );
        const textRow = (row: Readonly<Record<string, unknown>>): TextRow =>
          Object.fromEntries(
            Object.entries(row).map(([name, value]) => [
              name.toLowerCase(),
              value === null ? null : textOf(value as string, types.get(name)!),
            ]),
          );
        return resolve(((rows ?? []) as Record<string, unknown>[]).map(textRow));
      },
    });
  });

/** As Postgres writes it. */
function textOf(value: string, type: string): string {
  if (type === 'boolean') return value.toLowerCase();
  if (!type.startsWith('time')) return value;
  return value.replace(/\.(\d*?)0*(?=[+-]\d\d$|$)/, (_, digits: string) =>
    digits === '' ? '' : `.${digits}`,
  );
}
