import { quoteIdentifier, quoteLiteral } from '../../connectors/kit/identifiers.ts';
import type { TestMysql } from '../support/mysql.ts';
import { isWhole } from './csv-file.ts';
import type { DeclaredType } from './cases.ts';
import type { CaseTables, Put } from './tables.ts';

const types: Readonly<Record<DeclaredType, readonly string[]>> = {
  string: ['LONGTEXT'],
  boolean: ['BIT(1)'],
  integer: ['BIGINT', 'BIGINT UNSIGNED', 'DECIMAL(65,0)'],
  big_integer: ['BIGINT UNSIGNED', 'DECIMAL(65,0)'],
  number: ['DOUBLE', 'DECIMAL(65,30)'],
  date: ['DATE'],
  timestamp: ['DATETIME(6)'],
  timestamptz: ['TIMESTAMP(6)'],
  time: ['TIME(6)'],
  // A time of day has no zone.
  timetz: [],
  object: ['JSON'],
  array: ['JSON'],
  mixed: ['JSON'],
};

/** As a server is set up by default, but for how names and literals are written; a row of the widest tables has few values. */
const setting = `SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE', innodb_strict_mode = OFF`;
const nameCharactersMax = 64;

/** MariaDB reads no zone, MySQL no `Z`: the session's is UTC. */
const literalOf = ({ type, text }: Put): string => {
  if (type === 'BIT(1)') return `b'${Number(text === 'true')}'`;
  return quoteLiteral(type === 'TIMESTAMP(6)' ? text.replace(/ ?(z|UTC|\+00:?00)$/i, '') : text);
};
const textOf = (type: string): string =>
  type === 'BIT(1)' ? `IF(v = 1, 'true', 'false')` : 'CAST(v AS CHAR)';

export function mysqlTables(database: TestMysql): CaseTables {
  const accepts = (sql: string): Promise<boolean> =>
    database.query(sql).then(
      () => true,
      () => false,
    );
  return {
    typesOf: (type) => types[type],
    async try(values) {
      await database.query(setting);
      const texts = new Map<number, string | null>();
      for (const type of new Set(values.map((value) => value.type))) {
        await database.query(`CREATE TEMPORARY TABLE tried (n INT, v ${type})`);
        for (const [i, value] of values.entries())
          if (value.type === type)
            await accepts(`INSERT INTO tried VALUES (${i}, ${literalOf(value)})`);
        const rows = await database.query(`SELECT n, ${textOf(type)} AS v FROM tried`);
        for (const { n, v } of rows) texts.set(Number(n), v!);
        await database.query('DROP TEMPORARY TABLE tried');
      }
      return values.map((_, i) => texts.get(i) ?? null);
    },
    async namesIn(fields) {
      const named = ['case'];
      for (const field of fields) {
        const isName =
          isWhole(field) &&
          field.length <= nameCharactersMax &&
          !/^$|[\0\u{10000}-\u{10ffff}]|\s$/u.test(field);
        // Two that it can't tell apart are refused there too.
        const columns = [...named, field].map((name) => `1 AS ${quoteIdentifier(name)}`);
        if (isName && (await accepts(`SELECT 1 FROM (SELECT ${columns.join(', ')}) AS tried`)))
          named.push(field);
      }
      return new Set(named.slice(1));
    },
    async create(table, columns, rows) {
      const defined = [...columns].map(([field, type]) => `, ${quoteIdentifier(field)} ${type}`);
      await database.query(
        `CREATE TABLE ${table} ("case" VARCHAR(200) COLLATE utf8mb4_bin PRIMARY KEY${defined.join('')})`,
      );
      await database.query('BEGIN');
      for (const { name, field, put } of rows)
        await database.query(
          `INSERT INTO ${table} ("case", ${quoteIdentifier(field)}) VALUES (${quoteLiteral(name)}, ${put === null ? 'NULL' : literalOf(put)})`,
        );
      await database.query('COMMIT');
    },
  };
}
