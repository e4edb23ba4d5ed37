import { CancellationScope, condition, setHandler, workflowInfo } from '@temporalio/workflow';
import { compareEpochs, type Begun, type Epoch, type WriteOutcome } from '../protocol/index.ts';
import { readActivity, readerLinger, writeActivity } from './activities.ts';
import { readySignal, wholeLane, type Ready, type WriteActivityInput } from './messages.ts';

interface Reader {
  readonly epoch: Epoch;
  readonly scope: CancellationScope;
  done: boolean;
}

export interface Pairing {
  /** Runs one write activity to its end, and a read activity beside each of its attempts. Only the writer's result counts. */
  write(input: Omit<WriteActivityInput, 'lane'>, segment: number): Promise<WriteOutcome>;
  /** Attempts that asked for a reader, as numbered by the last write activity. */
  readonly attempt: number;
}

export function createPairing(): Pairing {
  let ready: Ready | null = null;
  let served: Epoch | null = null;
  let attempt = 0;

  // The handler only records, the main loop schedules: a late signal of an older attempt changes nothing.
  setHandler(
    readySignal,
    (signal) => {
      if (ready !== null && compareEpochs(signal.epoch, ready.epoch) <= 0) return;
      ready = signal;
      attempt = signal.attempt;
    },
    { description: 'A write attempt waits for its reader. Sent by write attempts only.' },
  );

  async function write(
    input: Omit<WriteActivityInput, 'lane'>,
    segment: number,
  ): Promise<WriteOutcome> {
    const { begun } = input;
    const caller = CancellationScope.current();
    const control = workflowInfo().taskQueue;
    const name = begun.spec.name;
    attempt = 0;
    let settled = false;
    const part = segment > 1 ? `, segment ${segment}` : '';
    const summary = `write ${name}: sync ${begun.syncNo}${part}`;
    const result = writeActivity(
      begun,
      control,
      summary,
    )({ ...input, lane: wholeLane }).finally(() => (settled = true));
    // The reader is shielded: when the sync is cancelled its writer still drains, and ends it through the pipe.
    const readers = CancellationScope.nonCancellable(async () => {
      let reader: Reader | null = null;
      const isDue = (): boolean =>
        ready !== null && (served === null || compareEpochs(ready.epoch, served) > 0);
      for (;;) {
        await condition(() => settled || (isDue() && !caller.consideredCancelled));
        if (settled) break;
        reader?.scope.cancel();
        reader = startReader(ready!, begun);
        served = reader.epoch;
      }
      const last = reader as Reader | null;
      await condition(() => last === null || last.done, readerLinger);
      last?.scope.cancel();
    });
    const [outcome] = await Promise.allSettled([result, readers]);
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }

  return {
    write,
    get attempt() {
      return attempt;
    },
  };
}

function startReader({ hostQueue, epoch, lane }: Ready, begun: Begun): Reader {
  const scope = new CancellationScope();
  const reader: Reader = { epoch, scope, done: false };
  const { spec, syncNo } = begun;
  const read = readActivity(hostQueue, spec.policy, `read ${spec.name}: sync ${syncNo}`);
  const finish = (): void => {
    reader.done = true;
  };
  // Its failure shows in the history and means nothing here: it reached the writer through the pipe.
  void scope.run(() => read({ lane, epoch })).then(finish, finish);
  return reader;
}
