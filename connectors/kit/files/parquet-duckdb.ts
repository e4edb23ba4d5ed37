import { rm } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { SyncError, type StreamId } from '../../../protocol/index.ts';
import { statementsOn, type Statements } from '../duckdb/statements.ts';
import { aborted } from '../gather.ts';

/** Other syncs want some too. */
const threads = 2;

export interface DuckdbOptions {
  /** Whose records it is for. */
  readonly stream: StreamId;
  readonly memoryLimit: string;
  /** A directory of its own for what exceeds the limit; gone when this ends. */
  readonly spill: string;
  readonly abort: AbortSignal;
}

/** A DuckDB in memory while `work` runs. */
export async function withDuckdb<T>(
  { stream, memoryLimit, spill, abort }: DuckdbOptions,
  work: (database: Statements) => Promise<T>,
): Promise<T> {
  if (abort.aborted) throw aborted();
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: memoryLimit,
    threads: String(threads),
    temp_directory: spill,
  });
  try {
    const connection = await instance.connect();
    const stop = (): void => connection.interrupt();
    abort.addEventListener('abort', stop, { once: true });
    try {
      const database = statementsOn(connection);
      // Never from the network, every time is told in UTC, and rows stay in their order.
      await database.run(
        `SET autoinstall_known_extensions = false; SET TimeZone = 'UTC'; SET preserve_insertion_order = true`,
      );
      return await work(database);
    } finally {
      abort.removeEventListener('abort', stop);
      connection.closeSync();
    }
  } catch (error) {
    throw abort.aborted ? aborted() : asWritingError(error, stream, memoryLimit);
  } finally {
    instance.closeSync();
    await rm(spill, { recursive: true, force: true });
  }
}

/** What a person can mend; all else is told by errors.ts. */
function asWritingError(error: unknown, stream: StreamId, memoryLimit: string): unknown {
  const message = (error as Error).message;
  if (/Out of Memory|failed to allocate|memory limit/i.test(message))
    return new SyncError('config_error', 'DuckDB ran out of its memory limit.', {
      ...{ origin: 'destination', stream },
      place: `stream ${stream}: memory_limit ${memoryLimit}`,
      remedy:
        'Raise memory_limit in the config of the destination: DuckDB holds up to 64 MiB of records several times.',
      cause: error,
    });
  if (/No space left/.test(message))
    return Object.assign(new Error('No space left on the disk.', { cause: error }), {
      code: 'ENOSPC',
    });
  return error;
}
