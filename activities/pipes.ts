import type { Pipe } from '../engine/pipe.ts';
import type {
  ConfiguredCatalog,
  Encoding,
  Epoch,
  JsonObject,
  Source,
  StateMessage,
  StreamId,
} from '../protocol/index.ts';

/** What a writer leaves for its reader, in this process only. */
export interface Meeting {
  readonly pipe: Pipe;
  readonly source: Source<JsonObject>;
  readonly config: JsonObject;
  readonly catalog: ConfiguredCatalog;
  readonly states: readonly StateMessage[];
  readonly checkpoints: AsyncIterable<StateMessage>;
  /** See ReadInput. */
  readonly parallelism: number;
  accepts(stream: StreamId): readonly Encoding[];
  /** See ReadInput. */
  lives(): void;
}

export interface PipeKey {
  readonly runId: string;
  readonly lane: string;
  readonly epoch: Epoch;
}

/** Where readers find their writers: the pipes of this process. */
export interface Pipes {
  /** `onTaken` is called when the reader comes. The answer takes the meeting away again. */
  register(key: PipeKey, meeting: Meeting, onTaken: () => void): () => void;
  /** Each meeting is given once; null: there is none, or another reader has it. */
  take(key: PipeKey): Meeting | null;
}

const idOf = ({ runId, lane, epoch }: PipeKey): string =>
  `${runId} ${lane} ${epoch.syncNo} ${epoch.at}`;

export function createPipes(): Pipes {
  const waiting = new Map<string, { meeting: Meeting; onTaken: () => void }>();
  return {
    register(key, meeting, onTaken) {
      const id = idOf(key);
      waiting.set(id, { meeting, onTaken });
      return () => void waiting.delete(id);
    },
    take(key) {
      const id = idOf(key);
      const found = waiting.get(id);
      if (found === undefined) return null;
      waiting.delete(id);
      found.onTaken();
      return found.meeting;
    },
  };
}
