import {
  SyncError,
  type Block,
  type Encoding,
  type Part,
  type PartId,
  type SealedPart,
  type StreamId,
} from '../../../protocol/index.ts';
import type { GatheredPart, Outlet } from '../../kit/gather.ts';
import { NotJson } from '../../kit/json-scan.ts';
import { repairLines, type RepairRules } from '../../kit/repair.ts';
import { unreadableRecord } from '../../kit/targets.ts';
import { isDataError } from '../errors.ts';
import type { Session } from '../session.ts';
import { cellName } from './fields.ts';

const rules: RepairRules = { numbers: 'keep', refusesNul: true };

/** A temporary table that takes the rows of one part after another, with as many cells as any of them needed. */
export interface PartTable {
  readonly sql: string;
  cells: number;
}

/** `emitted`: null for what came as a line. */
export const partTableColumns = `ordinal bigint GENERATED ALWAYS AS IDENTITY, line jsonb NOT NULL DEFAULT 'null', emitted bigint`;

/** A sealed part with the temporary table that holds it. */
export interface PostgresSealedPart extends SealedPart {
  readonly table: PartTable;
  /** The encodings in which its rows came. */
  readonly holds: ReadonlySet<Encoding>;
}

/** JSON never holds these two bytes, so lines need no escaping. */
const copyLines = (table: string): string =>
  `COPY ${table} (line) FROM STDIN (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')`;

const cellNames = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from }, (_, i) => cellName(from + i));

export interface OutletOptions {
  readonly session: Session;
  readonly table: PartTable;
  readonly stream: StreamId;
  /** Of a row that comes as fields. */
  readonly fields: number;
  /** Streams whose lines the server refused once: theirs are repaired beforehand. */
  readonly repairing: Set<StreamId>;
}

/** COPY into a temporary table. */
export class CopyOutlet implements Outlet {
  readonly takes: readonly Encoding[] = ['pg-copy-text'];
  readonly #options: OutletOptions;
  readonly #holds = new Set<Encoding>();

  constructor(options: OutletOptions) {
    this.#options = options;
  }

  /** The encodings of what was put in. */
  get holds(): ReadonlySet<Encoding> {
    return this.#holds;
  }

  async put(
    bytes: Uint8Array,
    records: number,
    abort: AbortSignal,
    encoding: Encoding,
  ): Promise<void> {
    const { session, stream } = this.#options;
    this.#holds.add(encoding);
    const copied = await session.alone(abort, () =>
      encoding === 'jsonl' ? this.#copyLines(bytes) : this.#copyFields(bytes),
    );
    // Invariant 6.
    if (copied !== records)
      throw new SyncError('system_error', 'A block does not hold the records it says.', {
        origin: 'tidemark',
        code: 'counts_disagree',
        stream,
        facts: { said: records, found: copied },
      });
  }

  async #copyLines(bytes: Uint8Array): Promise<number> {
    const { session, table, stream, repairing } = this.#options;
    const sql = copyLines(table.sql);
    if (!repairing.has(stream)) {
      try {
        return await session.copyIn(sql, bytes);
      } catch (error) {
        if (!isDataError(error)) throw error;
        repairing.add(stream);
      }
    }
    try {
      return await session.copyIn(sql, repairLines(bytes, rules));
    } catch (error) {
      if (error instanceof NotJson || isDataError(error)) throw unreadableRecord(stream);
      throw error;
    }
  }

  /** As text, whatever the columns are: what does not fit is for the commit to find. */
  async #copyFields(bytes: Uint8Array): Promise<number> {
    const { session, table, stream, fields } = this.#options;
    const lacking = cellNames(table.cells, fields).map((name) => `ADD COLUMN ${name} text`);
    if (lacking.length > 0) {
      await session.query(`ALTER TABLE ${table.sql} ${lacking.join(', ')}`);
      table.cells = fields;
    }
    try {
      const cells = [...cellNames(0, fields), 'emitted'].join(', ');
      return await session.copyIn(`COPY ${table.sql} (${cells}) FROM STDIN`, bytes);
    } catch (error) {
      if (isDataError(error)) throw unreadableRow(stream, error);
      throw error;
    }
  }
}

/** Invariant 6: rows whose fields are not as many as they should be are not guessed at. */
function unreadableRow(stream: StreamId, cause: unknown): SyncError {
  return new SyncError('system_error', 'A row is not one that Postgres can read.', {
    ...{ origin: 'source', stream, cause },
    remedy:
      'See whether the encoding of the destination’s database holds all characters of the source’s (UTF8 does); else report it.',
  });
}

export class PostgresPart implements Part {
  readonly #gathered: GatheredPart;
  readonly #session: Session;
  readonly #sealed: Pick<PostgresSealedPart, 'stream' | 'id' | 'table' | 'holds'>;
  readonly #abort: AbortSignal;
  readonly #free: (table: PartTable) => Promise<void>;

  constructor(options: {
    gathered: GatheredPart;
    session: Session;
    stream: StreamId;
    id: PartId;
    table: PartTable;
    holds: ReadonlySet<Encoding>;
    abort: AbortSignal;
    free: (table: PartTable) => Promise<void>;
  }) {
    const { stream, id, table, holds } = options;
    this.#gathered = options.gathered;
    this.#session = options.session;
    this.#sealed = { stream, id, table, holds };
    this.#abort = options.abort;
    this.#free = options.free;
  }

  append(block: Block, abort: AbortSignal): Promise<void> {
    return this.#gathered.append(block, abort);
  }

  cover(): void {
    this.#gathered.cover();
  }

  async seal(): Promise<PostgresSealedPart> {
    const { sql: table } = this.#sealed.table;
    const { records, bytes } = this.#gathered.covered;
    if (await this.#gathered.seal(this.#abort))
      await this.#session.alone(this.#abort, () =>
        // Ordinals rise but may have gaps, so the first uncovered one is looked up.
        this.#session.query(
          `DELETE FROM ${table} WHERE ordinal >= (SELECT ordinal FROM ${table} ORDER BY ordinal OFFSET ${records} LIMIT 1)`,
        ),
      );
    return { ...this.#sealed, records, bytes };
  }

  async discard(): Promise<void> {
    this.#gathered.discard();
    await this.#free(this.#sealed.table);
  }
}
