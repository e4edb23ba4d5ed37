import {
  SyncError,
  type Block,
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

const rules: RepairRules = { numbers: 'keep', refusesNul: true };

/** A sealed part with the temporary table that holds it. */
export interface PostgresSealedPart extends SealedPart {
  readonly table: string;
}

/** JSON never holds these two bytes, so lines need no escaping. */
const copySql = (table: string): string =>
  `COPY ${table} (line) FROM STDIN (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')`;

/** COPY into a temporary table. `repairing` holds the streams whose lines the server refused once: theirs are repaired beforehand. */
export class CopyOutlet implements Outlet {
  readonly #session: Session;
  readonly #table: string;
  readonly #stream: StreamId;
  readonly #repairing: Set<StreamId>;

  constructor(session: Session, table: string, stream: StreamId, repairing: Set<StreamId>) {
    this.#session = session;
    this.#table = table;
    this.#stream = stream;
    this.#repairing = repairing;
  }

  async put(bytes: Uint8Array, records: number, abort: AbortSignal): Promise<void> {
    const copied = await this.#session.alone(abort, () => this.#copy(bytes));
    // Invariant 6.
    if (copied !== records)
      throw new SyncError('system_error', 'A block does not hold the records it says.', {
        origin: 'tidemark',
        code: 'counts_disagree',
        stream: this.#stream,
        facts: { said: records, found: copied },
      });
  }

  async #copy(bytes: Uint8Array): Promise<number> {
    if (!this.#repairing.has(this.#stream)) {
      try {
        return await this.#session.copyIn(copySql(this.#table), bytes);
      } catch (error) {
        if (!isDataError(error)) throw error;
        this.#repairing.add(this.#stream);
      }
    }
    try {
      return await this.#session.copyIn(copySql(this.#table), repairLines(bytes, rules));
    } catch (error) {
      if (error instanceof NotJson || isDataError(error)) throw unreadableRecord(this.#stream);
      throw error;
    }
  }
}

export class PostgresPart implements Part {
  readonly #gathered: GatheredPart;
  readonly #session: Session;
  readonly #sealed: Pick<PostgresSealedPart, 'stream' | 'id' | 'table'>;
  readonly #abort: AbortSignal;
  readonly #free: (table: string) => Promise<void>;

  constructor(options: {
    gathered: GatheredPart;
    session: Session;
    stream: StreamId;
    id: PartId;
    table: string;
    abort: AbortSignal;
    free: (table: string) => Promise<void>;
  }) {
    this.#gathered = options.gathered;
    this.#session = options.session;
    this.#sealed = { stream: options.stream, id: options.id, table: options.table };
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
    const { table } = this.#sealed;
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
