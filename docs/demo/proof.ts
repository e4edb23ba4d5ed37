import { DuckDBInstance } from '@duckdb/node-api';
import { streamName } from './manifest.ts';

export interface Proof {
  readonly rows: number;
  readonly missing: number;
  readonly duplicated: number;
}

/** Counts in the DuckDB file itself, which must not be open elsewhere. The API's ids are 1 to `records`. */
export async function countRows(file: string, records: number): Promise<Proof> {
  const [row] = await ask(
    file,
    `SELECT count(*)::INTEGER AS rows,
            (count(*) - count(DISTINCT id))::INTEGER AS duplicated,
            (SELECT count(*)::INTEGER FROM range(1, ${records + 1}) AS wanted(id)
              WHERE id NOT IN (SELECT id FROM ${streamName})) AS missing
     FROM ${streamName}`,
  );
  return row as unknown as Proof;
}

/** The checkpoint that the file holds beside its rows. */
export async function heldCheckpoint(file: string): Promise<{ rows: number; state: string }> {
  const [row] = await ask(
    file,
    `SELECT (SELECT count(*)::INTEGER FROM ${streamName}) AS rows, state
     FROM _tidemark_checkpoints WHERE scope = '${streamName}'`,
  );
  return row as unknown as { rows: number; state: string };
}

async function ask(file: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
  try {
    const connection = await instance.connect();
    const answer = await connection.runAndReadAll(sql);
    connection.closeSync();
    return answer.getRowObjects();
  } finally {
    instance.closeSync();
  }
}
