import { setTimeout as pause } from 'node:timers/promises';
import { SyncError } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';
import type { Answer, RowFile, Stage, WarehouseSession } from '../kit/warehouse/warehouse.ts';
import { literal, pathOf, quote } from './names.ts';

/** Of one COPY (docs.snowflake.com: sql-reference/sql/copy-into-table, FILES). */
const filesMax = 1_000;

/**
 * How a file's lines are read: whatever is enclosed is text as it stands, also an empty one; a field without anything is NULL, and nothing else is
 * (docs.snowflake.com: sql-reference/sql/create-file-format; user-guide/data-unload-considerations). See `line`.
 */
const format = `FILE_FORMAT = (TYPE = CSV COMPRESSION = GZIP FIELD_OPTIONALLY_ENCLOSED_BY = '"' EMPTY_FIELD_AS_NULL = TRUE NULL_IF = ()
  ESCAPE_UNENCLOSED_FIELD = NONE)`;

/**
 * The driver reads a file that it sends without listening to the errors of that: one that is removed meanwhile would end the process. So an abort lets it
 * come to its end, for this long at most, ms.
 */
const letGoMs = 30_000;

/** A line of such a file. */
export const line = (cells: readonly (string | null)[]): string =>
  `${cells.map((cell) => (cell === null ? '' : `"${cell.replaceAll('"', '""')}"`)).join(',')}\n`;

/** Where files wait: an internal stage of the schema. */
export interface StagePlace {
  readonly database: string;
  readonly schema: string;
  readonly stage: string;
}

/** Idempotent (docs.snowflake.com: sql-reference/sql/create-stage). Asks first: who may use it need not be able to make it. */
export async function makeStage(
  session: WarehouseSession,
  { database, schema, stage }: StagePlace,
): Promise<void> {
  const { rows } = await session.query(
    `SHOW STAGES LIKE ${literal(stage)} IN SCHEMA ${pathOf(database, schema)}`,
  );
  const there = rows.some(({ name }) => String(name).toUpperCase() === stage.toUpperCase());
  if (!there) await session.query(`CREATE STAGE IF NOT EXISTS ${pathOf(database, schema, stage)}`);
}

/** One file is one directory there, whose name is the file's: PUT keeps the name that it has here. The session is the stage's. */
export function createStage(
  session: WarehouseSession,
  { database, schema, stage }: StagePlace,
): Stage {
  const sending = new Set<Promise<unknown>>();
  /** In quotes, as those of names within ask for (docs.snowflake.com: sql-reference/sql/put). */
  const at = (path: string): string => literal(`@${pathOf(database, schema, stage)}/${path}`);

  const sent = async (abort: AbortSignal, pending: Promise<Answer>): Promise<Answer> => {
    const sentOrLate = orAborted(abort, pending, letGoMs);
    sending.add(sentOrLate);
    return sentOrLate.finally(() => sending.delete(sentOrLate));
  };

  return {
    async put({ name, path }, _table, abort) {
      abort.throwIfAborted();
      // The content of a name is always the same, so that a second time changes nothing.
      const pending = session.query(
        `PUT ${literal(`file://${path}`)} ${at(`${name}/`)} SOURCE_COMPRESSION = GZIP AUTO_COMPRESS = FALSE OVERWRITE = TRUE`,
      );
      const { rows } = await sent(abort, pending);
      const status = String(rows[0]?.['status']);
      if (status !== 'UPLOADED') throw notSent(name, status);
    },
    async load(table, files, abort) {
      for (let first = 0; first < files.length; first += filesMax) {
        abort.throwIfAborted();
        const some = files.slice(first, first + filesMax);
        // A file that this table has is skipped (its load history knows it), so that a second time changes nothing; FORCE would load it again. One that is
        // not there is an error, as it is named.
        const copying = session.query(
          `COPY INTO ${table} (${some[0]!.columns.map(quote).join(', ')}) FROM ${at('')}
            FILES = (${some.map((file) => literal(keyOf(file))).join(', ')}) ${format} ON_ERROR = ABORT_STATEMENT`,
        );
        await orAborted(abort, copying);
      }
    },
    // docs.snowflake.com: sql-reference/sql/remove, sql-reference/sql/list: a path is what names begin with.
    async remove(prefix) {
      await session.query(`REMOVE ${at(prefix)}`);
    },
    async list(prefix) {
      const { rows } = await session.query(`LIST ${at(prefix)}`);
      // `stage/name/file`.
      return [...new Set(rows.map((row) => String(row['name']).split('/').at(-2)!))];
    },
    async close() {
      await Promise.allSettled(sending);
      await session.close();
    },
  };
}

const keyOf = ({ name, path }: RowFile): string => `${name}/${path.split('/').at(-1)!}`;

/** What is sent cannot be called back: it comes to nothing, as no table names it. An abort waits for its end this long, ms. */
async function orAborted<T>(abort: AbortSignal, work: Promise<T>, patienceMs = 0): Promise<T> {
  let stop: (() => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => {
      const late = pause(patienceMs, undefined, { ref: false });
      void Promise.race([work.catch(() => undefined), late]).then(() => reject(aborted()));
    };
    abort.addEventListener('abort', stop, { once: true });
  });
  try {
    const done = await Promise.race([work, stopped]);
    if (abort.aborted) throw aborted();
    return done;
  } finally {
    abort.removeEventListener('abort', stop!);
  }
}

const notSent = (name: string, status: string): SyncError =>
  new SyncError('transient_error', 'A file did not reach the stage.', {
    origin: 'destination',
    remedy: 'The next attempt goes on from the last checkpoint.',
    facts: { file: name, status },
  });
