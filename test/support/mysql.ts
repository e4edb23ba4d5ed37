import { randomBytes } from 'node:crypto';
import mysql, { type Connection, type FieldPacket, type RowDataPacket } from 'mysql2/promise';
import type { MysqlFlavour } from './mysql-server.ts';

export interface TestMysql {
  readonly url: string;
  readonly database: string;
  /** Rows with every value as text: as the server writes it, but for zeros at the end of fractions, and what the tests say of other systems. */
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

/** A fresh database, with a connection of its own to look inside, which is made anew when the server was away. */
export async function testMysql(
  flavour: MysqlFlavour,
  server: string = mysqlServerUrl(flavour),
): Promise<TestMysql> {
  const database = `tidemark_${randomBytes(6).toString('hex')}`;
  let own: Promise<Connection> | null = null;
  const connected = (): Promise<Connection> => (own ??= connect(server, () => (own = null)));
  const open = async (): Promise<Connection> => {
    const connection = await connected();
    await connection.query(`USE \`${database}\``);
    return connection;
  };
  const first = await connected();
  await first.query(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4`);
  const url = new URL(server);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    database,
    async query(sql) {
      const connection = await open();
      const all = await spelledOut(connection, sql);
      const [rows, fields] = await connection.query({ sql: all.sql, rowsAsArray: true });
      if (!Array.isArray(rows) || fields === undefined) return [];
      const write = await writersOf(connection, fields);
      // Names of information_schema are in capitals.
      const nameOf = ({ name }: FieldPacket, i: number): string =>
        all.names?.[i] ?? (sql.includes('information_schema') ? name.toLowerCase() : name);
      // Not the driver's objects: a column may be called __proto__.
      return (rows as RowDataPacket[]).map((row) =>
        Object.fromEntries(
          fields.map((field, i): [string, string | null] => {
            const text = row[i] as string | null;
            return [nameOf(field, i), text === null ? null : write[i]!(text)];
          }),
        ),
      );
    },
    async drop() {
      const connection = await connected();
      await connection.query(`DROP DATABASE IF EXISTS \`${database}\``);
      await connection.end();
    },
  };
}

/** `lost`: told when it ended by itself. */
async function connect(server: string, lost: () => void): Promise<Connection> {
  const connection = await mysql.createConnection({
    uri: server,
    charset: 'utf8mb4',
    typeCast: (field) => field.string('utf8'),
  });
  // A server that is killed on purpose must not end the test process.
  connection.on('error', lost);
  await connection.query(`SET time_zone = '+00:00', sql_mode = 'ANSI_QUOTES'`);
  return connection;
}

/** A query for all columns of a table names them itself: the driver takes no column called __proto__. */
async function spelledOut(
  connection: Connection,
  sql: string,
): Promise<{ readonly sql: string; readonly names?: readonly string[] }> {
  const [, schema, table, rest] =
    /^SELECT \* FROM "(.+?)"\."?(.+?)"?( ORDER BY \w+)?$/.exec(sql) ?? [];
  if (schema === undefined || table === undefined) return { sql };
  const [found] = await connection.query<RowDataPacket[]>({
    sql: 'SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position',
    values: [schema, table],
    rowsAsArray: true,
  });
  const names = (found as unknown as [string][]).map(([name]) => name);
  const columns = names.map((name, i) => `"${name.replaceAll('"', '""')}" AS c${i}`);
  return { sql: `SELECT ${columns.join(', ')} FROM "${schema}"."${table}"${rest ?? ''}`, names };
}

/** The protocol's numbers of types. */
const [tiny, time, datetime, decimal] = [1, 11, 12, 246];
const withoutZeros = (text: string): string => text.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');

type Writer = (text: string) => string;

/** A point in time is told from a local one by its column's comment. */
async function writersOf(
  connection: Connection,
  fields: readonly FieldPacket[],
): Promise<readonly Writer[]> {
  const instants = new Set<string>();
  if (fields.some(({ columnType }) => columnType === datetime)) {
    const [found] = await connection.query<RowDataPacket[]>({
      sql: `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = database() AND column_comment = 'UTC'`,
      rowsAsArray: true,
    });
    for (const [table, column] of found as unknown as [string, string][])
      instants.add(`${table}.${column}`);
  }
  return fields.map(({ columnType, columnLength, orgTable, orgName }): Writer => {
    if (columnType === tiny && columnLength === 1)
      return (text) => (text === '1' ? 'true' : 'false');
    if (columnType === datetime && instants.has(`${orgTable}.${orgName}`))
      return (text) => `${withoutZeros(text)}+00`;
    const isFraction = [time, datetime, decimal].includes(columnType ?? 0);
    return isFraction ? withoutZeros : (text) => text;
  });
}
