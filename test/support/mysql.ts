import { randomBytes } from 'node:crypto';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import type { MysqlFlavour } from './mysql-server.ts';

export interface TestMysql {
  readonly url: string;
  readonly database: string;
  /** Rows with every value as the server writes it as text. */
  query(sql: string): Promise<Readonly<Record<string, string | null>>[]>;
  drop(): Promise<void>;
}

export function mysqlServerUrl(flavour: MysqlFlavour): string {
  const variable = flavour === 'mysql' ? 'TEST_MYSQL_URL' : 'TEST_MARIADB_URL';
  const url = process.env[variable];
  if (url) return url;
  throw new Error(
    `${variable} is not set. Run the tests with \`npm test\`, which starts a server.`,
  );
}

/** A fresh database, with a connection of its own to look inside. */
export async function testMysql(
  flavour: MysqlFlavour,
  server: string = mysqlServerUrl(flavour),
): Promise<TestMysql> {
  const database = `tidemark_${randomBytes(6).toString('hex')}`;
  const connection = await mysql.createConnection({
    uri: server,
    charset: 'utf8mb4',
    multipleStatements: false,
    typeCast: (field) => field.string('utf8'),
  });
  // A server that is killed on purpose must not end the test process.
  connection.on('error', () => undefined);
  await connection.query(`CREATE DATABASE \`${database}\``);
  await connection.query(`USE \`${database}\``);
  await connection.query(`SET time_zone = '+00:00', sql_mode = 'ANSI_QUOTES'`);
  const url = new URL(server);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    database,
    async query(sql) {
      const [rows, fields] = await connection.query({ sql, rowsAsArray: true });
      if (!Array.isArray(rows) || fields === undefined) return [];
      // Not the driver's objects: a column may be called __proto__.
      return (rows as RowDataPacket[]).map(
        (row) =>
          Object.fromEntries(
            fields.map(({ name }, i) => [name, row[i] as string | null]),
          ) as Record<string, string | null>,
      );
    },
    async drop() {
      await connection.query(`DROP DATABASE IF EXISTS \`${database}\``);
      await connection.end();
    },
  };
}
