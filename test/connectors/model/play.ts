import {
  checkpointsOf,
  compareEpochs,
  mergeCheckpoints,
  partId,
  streamId,
  type Checkpoint,
  type Epoch,
  type Receipt,
  type SealedPart,
} from '../../../protocol/index.ts';
import { block, checkpoint, never, type Harness, type Session, type Sessions } from '../harness.ts';
import type { Command, Slot } from './commands.ts';
import {
  committed,
  empty,
  opened,
  refusalOf,
  rowAt,
  type Model,
  type Row,
  type Staged,
  type StreamName,
} from './model.ts';
import { checkInvariants, viewOf, type Seen } from './view.ts';
import {
  cursorOf,
  failureOf,
  quarters,
  rowsBy,
  send,
  sorted,
  stagedBy,
  streamsOf,
  textOf,
  writerOf,
  type Writer,
} from './writer.ts';

type Staging = Omit<Extract<Command, { do: 'stage' }>, 'do' | 'slot'> & {
  readonly complete?: true;
};

/** Plays one sequence of commands against a real destination, and compares after each with what the model allows. */
export class Play<C> {
  readonly #harness: Harness<C>;
  readonly #sessions: Sessions<C>;
  readonly #slots: Record<Slot, Writer | null> = { a: null, b: null };
  /** What the destination may hold: more than one only while a commit's outcome is not known. */
  #models: readonly Model[] = [empty];
  #seen: Seen | null = null;
  /** What Temporal holds. */
  #told: Record<string, Checkpoint> = {};
  #syncNo = 0;
  #clock = 1000;
  #edits = 0;
  #parts = 0;
  #fields = 0;
  /** A person's edit ends the sync. */
  #needsSync = true;
  readonly #edited = new Set<StreamName>();

  constructor(harness: Harness<C>, sessions: Sessions<C>) {
    this.#harness = harness;
    this.#sessions = sessions;
  }

  async run(commands: readonly Command[]): Promise<void> {
    for (const command of commands) {
      await this.#do(command);
      await this.#check();
    }
  }

  async #do(command: Command): Promise<void> {
    switch (command.do) {
      case 'open':
        return command.as === 'late'
          ? this.#openLate()
          : this.#open(command.slot, command.as === 'sync');
      case 'stage':
        return this.#stage(command.slot, command);
      case 'commit':
        return this.#commit(command.slot, command.answer);
      case 'stop':
        return this.#stop(command);
      case 'publish':
        await this.#stage(command.slot, {
          ...{ stream: 'full', records: command.records, uncovered: 0, complete: true },
        });
        return this.#commit(command.slot, 'told');
      case 'race':
        return this.#race(command);
      case 'close':
        await this.#slots[command.slot]?.session.loader.close();
        this.#slots[command.slot] = null;
        return;
      case 'edit':
        return this.#edit(command);
      case 'widen':
        this.#fields = Math.min(this.#fields + 1, 4);
        return;
      case 'alter':
        return this.#alter();
    }
  }

  get #model(): Model {
    return this.#models[0]!;
  }

  async #openLate(): Promise<void> {
    const { fence } = this.#model;
    if (fence === null) return;
    const epoch = { syncNo: fence.syncNo - (this.#clock % 2), at: fence.at - 1 };
    const error = await failureOf(this.#openAt(epoch));
    expect(error.code).toBe(refusalOf(this.#model, epoch));
  }

  async #open(slot: Slot, asSync: boolean): Promise<void> {
    if (asSync || this.#needsSync) this.#syncNo += 1;
    this.#needsSync = false;
    this.#clock += 1;
    const epoch = { syncNo: this.#syncNo, at: this.#clock };
    const from = Object.values(this.#told);
    this.#slots[slot] = null;
    const session = await this.#openAt(epoch);
    this.#models = this.#models.map((model) => opened(model, epoch, from));
    const held = session.held ?? [];
    expect(this.#models.map(({ stored }) => sorted(Object.values(stored)))).toContainEqual(
      sorted(held),
    );
    this.#slots[slot] = writerOf(session, epoch, held);
  }

  #openAt(epoch: Epoch): Promise<Session> {
    return this.#sessions.open({
      epoch,
      from: Object.values(this.#told),
      streams: streamsOf(epoch.syncNo),
    });
  }

  async #stage(slot: Slot, staging: Staging): Promise<void> {
    const writer = this.#slots[slot];
    if (writer === null) return;
    const { stream } = staging;
    if (stream === 'full' && writer.fullIsDone) return;
    const from = writer.position[stream];
    const to = from + staging.records;
    const rows = this.#rows(writer, stream, from, to);
    const extra = this.#rows(writer, stream, to, to + staging.uncovered);
    let part: SealedPart;
    try {
      part = await this.#seal(writer, stream, rows, extra);
    } catch (error) {
      // Its session is ended by whoever opens after it.
      if (!this.#isFencedOff(writer)) throw error;
      this.#slots[slot] = null;
      return;
    }
    expect(part.records).toBe(rows.length);
    writer.seq += 1;
    writer.position[stream] = to;
    const at = checkpoint(stream, writer.seq, to, {
      ...{ epoch: writer.epoch, edition: writer.editions[stream] },
      ...(staging.complete === true && { complete: true }),
    });
    if (staging.complete === true) writer.fullIsDone = true;
    writer.waiting.push({ part, staged: { stream, rows, at } });
  }

  async #seal(
    { session, epoch }: Writer,
    stream: StreamName,
    rows: readonly Row[],
    extra: readonly Row[],
  ): Promise<SealedPart> {
    this.#parts += 1;
    const part = await session.loader.part(streamId({ name: stream }), partId(epoch, this.#parts));
    if (rows.length > 0) await part.append(block(stream, rows.map(textOf)), never);
    part.cover();
    if (extra.length > 0) await part.append(block(stream, extra.map(textOf)), never);
    return part.seal();
  }

  #rows({ epoch }: Writer, stream: StreamName, from: number, to: number): Row[] {
    return Array.from({ length: to - from }, (_, i) =>
      rowAt(stream, epoch.syncNo, from + i + 1, this.#fields),
    );
  }

  #isFencedOff({ epoch }: Writer): boolean {
    return compareEpochs(this.#model.fence!, epoch) > 0;
  }

  async #commit(slot: Slot, answer: 'told' | 'lost'): Promise<void> {
    const writer = this.#slots[slot];
    if (writer === null || writer.waiting.length === 0) return;
    const staged = stagedBy(writer);
    if (this.#isFencedOff(writer)) {
      // Invariant 3.
      expect((await failureOf(send(writer, never))).code).toBe('fenced');
      this.#slots[slot] = null;
      return;
    }
    const receipt = await send(writer, never);
    // Invariant 6.
    expect(receipt.rows).toEqual(rowsBy(staged));
    writer.waiting.length = 0;
    this.#models = this.#models.map((model) => committed(model, staged));
    if (answer === 'told') this.#tell(staged);
    else this.#slots[slot] = null;
  }

  async #stop({ slot, after }: Extract<Command, { do: 'stop' }>): Promise<void> {
    const writer = this.#slots[slot];
    if (writer === null || writer.waiting.length === 0 || this.#isFencedOff(writer)) return;
    const stop = new AbortController();
    const sending = Promise.allSettled([send(writer, stop.signal)]);
    await quarters(after);
    stop.abort();
    const [outcome] = await sending;
    await writer.session.loader.close();
    this.#mayHaveCommitted(writer, outcome);
    await this.#open(slot, false);
  }

  async #race({ slot, after }: Extract<Command, { do: 'race' }>): Promise<void> {
    const other = this.#slots[slot === 'a' ? 'b' : 'a'];
    if (other === null || other.waiting.length === 0 || this.#isFencedOff(other)) return;
    const sending = Promise.allSettled([send(other, never)]);
    await quarters(after);
    const before = this.#models;
    this.#models = [...before, ...before.map((model) => committed(model, stagedBy(other)))];
    await this.#open(slot, false);
    const [outcome] = await sending;
    this.#slots[slot === 'a' ? 'b' : 'a'] = null;
    if (outcome.status !== 'fulfilled') return;
    const { fence } = this.#model;
    const from = Object.values(this.#told);
    this.#models = before.map((model) => opened(committed(model, stagedBy(other)), fence!, from));
    this.#tell(stagedBy(other));
  }

  #mayHaveCommitted(writer: Writer, outcome: PromiseSettledResult<Receipt>): void {
    const after = this.#models.map((model) => committed(model, stagedBy(writer)));
    if (outcome.status === 'rejected') this.#models = [...this.#models, ...after];
    else this.#models = after;
  }

  #tell(staged: readonly Staged[]): void {
    this.#told = mergeCheckpoints(
      checkpointsOf(Object.values(this.#told)),
      staged.map(({ at }) => at),
    );
  }

  #edit({ stream, back }: Extract<Command, { do: 'edit' }>): void {
    this.#edits += 1;
    this.#needsSync = true;
    this.#edited.add(stream);
    const cursor = Math.max(0, cursorOf(this.#told[stream]) - back);
    this.#told[stream] = checkpoint(stream, 0, cursor, {
      ...{ edition: this.#edits, epoch: { syncNo: 0, at: 0 } },
      ...(cursor === 0 && { state: null }),
    });
  }

  async #alter(): Promise<void> {
    if (this.#model.fence === null) return;
    this.#parts += 1;
    const { schema } = this.#harness;
    await this.#harness.query(
      `ALTER TABLE "${schema}"."log" ADD COLUMN person_${this.#parts} INTEGER`,
    );
  }

  async #check(): Promise<void> {
    if (this.#model.fence === null) return;
    const seen = await viewOf(this.#harness);
    const matching = this.#models.filter((model) => equal(seenOf(model), seen));
    if (matching.length === 0) expect(seen).toEqual(seenOf(this.#model));
    this.#models = matching.slice(0, 1);
    checkInvariants(this.#seen, seen, this.#edited);
    this.#seen = seen;
  }
}

/** What is to be seen of a model. */
function seenOf({ log, items, visible, stored }: Model): Seen {
  const texts = (rows: readonly Row[]): string[] =>
    rows.map(({ id, v, fields }) => `${id} ${v} ${fields}`).sort();
  return {
    log: texts(log),
    items: texts(items),
    full: visible === null ? null : texts(visible),
    stored: sorted(Object.values(stored)).map((c) => ({
      scope: c.scope,
      rank: [c.edition, c.epoch.syncNo, c.epoch.at, c.seq],
      cursor: cursorOf(c),
    })),
  };
}

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
