import { quoteIdentifier } from '../../connectors/kit/identifiers.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { isWhole } from './csv-file.ts';
import type { DeclaredType } from './cases.ts';
import type { CaseTables } from './tables.ts';

const types: Readonly<Record<DeclaredType, readonly string[]>> = {
  string: ['text'],
  boolean: ['boolean'],
  integer: ['bigint', 'numeric(38,0)', 'numeric'],
  big_integer: ['numeric(38,0)', 'numeric'],
  number: ['double precision', 'numeric(38,18)', 'numeric'],
  date: ['date'],
  timestamp: ['timestamp'],
  timestamptz: ['timestamptz'],
  time: ['time'],
  timetz: ['timetz'],
  object: ['jsonb', 'json'],
  array: ['jsonb', 'json'],
  mixed: ['jsonb', 'json'],
};

const nameBytesMax = 63;
const systemColumns = /^(ctid|xmin|xmax|cmin|cmax|tableoid)$/;

export function postgresTables(database: TestDatabase): CaseTables {
  return {
    typesOf: (type) => types[type],
    async try(values) {
      await database.query(`SET timezone = 'UTC'`);
      await database.query(`
        CREATE OR REPLACE FUNCTION pg_temp.try_cast(value text, type text) RETURNS text LANGUAGE plpgsql AS $$
        DECLARE result text;
        BEGIN
          EXECUTE format('SELECT CAST($1 AS %s)::text', type) INTO result USING value;
          RETURN result;
        EXCEPTION WHEN OTHERS THEN RETURN NULL;
        END $$`);
      const cast = async ({ text, type }: (typeof values)[number]): Promise<string | null> => {
        if (text.includes('\0')) return null;
        const rows = await database.query<{ text: string | null }>(
          'SELECT pg_temp.try_cast($1, $2) AS text',
          [text, type],
        );
        return rows[0]!.text;
      };
      const found: (string | null)[] = [];
      for (const value of values) found.push(await cast(value));
      return found;
    },
    namesIn: (fields) =>
      Promise.resolve(
        new Set(
          fields.filter(
            (field) =>
              !['', 'case'].includes(field) &&
              isWhole(field) &&
              !field.includes('\0') &&
              Buffer.byteLength(field) <= nameBytesMax &&
              !systemColumns.test(field),
          ),
        ),
      ),
    async create(table, columns, rows) {
      const defined = [...columns].map(([field, type]) => `, ${quoteIdentifier(field)} ${type}`);
      await database.query(`CREATE TABLE ${table} ("case" text${defined.join('')})`);
      await database.query('BEGIN');
      for (const { name, field, put } of rows)
        await database.query(
          `INSERT INTO ${table} ("case", ${quoteIdentifier(field)}) VALUES ($1, $2::text::${columns.get(field)})`,
          [name, put?.text ?? null],
        );
      await database.query('COMMIT');
    },
  };
}
