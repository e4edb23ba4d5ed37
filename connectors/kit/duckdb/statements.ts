import type { DuckDBConnection } from '@duckdb/node-api';

export type Row = Readonly<Record<string, unknown>>;

/** SQL on an open DuckDB. */
export interface Statements {
  rows(sql: string): Promise<Row[]>;
  /** The number of rows that the statement changed. */
  run(sql: string): Promise<number>;
}

export const statementsOn = (connection: DuckDBConnection): Statements => ({
  rows: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson(),
  run: async (sql) => (await connection.run(sql)).rowsChanged,
});
