import {
  allHandlersFinished,
  CancellationScope,
  CancelledFailure,
  condition,
  continueAsNew,
  ContinueAsNew,
  isCancellation,
  workflowInfo,
} from '@temporalio/workflow';
import {
  lossesOf,
  pausedFailure,
  type Begun,
  type Holder,
  type SyncSummary,
  type WriteOutcome,
} from '../protocol/index.ts';
import { leaseActivities } from './activities.ts';
import { attemptOf, failureOf, heldBy, tookTooLong, workflowFailure } from './failure.ts';
import type { SyncInput, WriteActivityInput } from './messages.ts';
import { createPairing, type Pairing } from './pairing.ts';
import { createPausing, type Pausing } from './pausing.ts';
import { cancelledSummary, doneSummary, failedSummary, skippedSummary } from './summary.ts';
import { createSyncView, type SyncView } from './sync-view.ts';
import { within } from './time-limit.ts';

/**
 * One sync of a connection, from its last checkpoint. Completes with its summary (also when it was skipped because another one runs or the
 * connection is paused), fails with a SyncFailure as its first detail, or ends as cancelled. Paused while it runs, it waits at a checkpoint.
 */
export async function syncWorkflow(input: SyncInput): Promise<SyncSummary> {
  const sync = new Sync(input);
  return sync.run();
}

class Sync {
  readonly #input: SyncInput;
  readonly #view: SyncView;
  readonly #pairing: Pairing;
  readonly #pausing: Pausing;
  readonly #holder: Holder;
  readonly #startedAt: string;
  #pausedMs: number;
  #attempts: number;
  /** Attempts before the write activity that runs. */
  #before: number;

  constructor(input: SyncInput) {
    this.#input = input;
    this.#view = createSyncView(input);
    this.#pairing = createPairing();
    const { workflowId, firstExecutionRunId } = workflowInfo();
    this.#holder = { workflowId, firstRunId: firstExecutionRunId };
    this.#pausing = createPausing(firstExecutionRunId, this.#view);
    this.#startedAt = input.continued?.startedAt ?? new Date().toISOString();
    this.#pausedMs = input.continued?.pausedMs ?? 0;
    this.#attempts = input.continued?.attempts ?? 0;
    this.#before = this.#attempts;
  }

  async run(): Promise<SyncSummary> {
    this.#view.show(this.#input.continued === undefined ? 'starting' : undefined);
    try {
      const summary = await this.#copy();
      return await this.#end(summary);
    } catch (error) {
      if (error instanceof ContinueAsNew) throw error;
      if (isCancellation(error) || CancellationScope.current().consideredCancelled) {
        const failure = isCancellation(error) ? undefined : failureOf(error);
        await this.#end(cancelledSummary(this.#facts(), failure));
        throw isCancellation(error) ? error : new CancelledFailure('Sync cancelled.');
      }
      const failure = failureOf(error);
      this.#attempts = Math.max(this.#attempts, this.#before + attemptOf(error));
      await this.#end(failedSummary(this.#facts(), failure));
      throw workflowFailure(failure);
    }
  }

  /** Writes until everything is read. */
  async #copy(): Promise<SyncSummary> {
    const skipped = this.#view.begun === null ? await this.#begin(0) : null;
    if (skipped !== null) return skipped;
    for (;;) {
      await this.#pauseOver();
      this.#before = this.#attempts;
      const segment = this.#input.continued?.segment ?? 1;
      const begun = this.#view.begun!;
      let outcome;
      try {
        outcome = await this.#pausing.run(() => this.#write(begun, segment));
      } finally {
        this.#attempts = this.#before + this.#pairing.attempt;
      }
      switch (outcome?.type) {
        case 'done':
          return doneSummary(this.#facts(), outcome);
        case 'raise':
          await this.#begin(outcome.syncNo);
          break;
        case 'more':
        case undefined:
          // A pause ends a segment too: however often there is one, history stays small.
          await this.#pauseOver();
          await this.#continue(begun, segment);
      }
    }
  }

  /** Within the time that is left to the whole sync. */
  async #write(begun: Begun, segment: number): Promise<WriteOutcome> {
    const msMax = begun.spec.policy.syncMsMax ?? null;
    const endsAt = msMax === null ? null : Date.parse(this.#startedAt) + this.#pausedMs + msMax;
    return within(
      endsAt === null ? null : endsAt - Date.now(),
      () =>
        this.#pairing.write(
          { begun, ...(endsAt !== null && { endsAt }), ...this.#told() },
          segment,
        ),
      () => workflowFailure(tookTooLong(msMax!)),
    );
  }

  /** For the activities after this one: a new one sees no heartbeats of those before. */
  #told(): Pick<WriteActivityInput, 'losses' | 'cost'> {
    const { progress } = this.#view;
    const { losses, cost } =
      progress === null
        ? (this.#input.continued ?? {})
        : { losses: lossesOf(progress), cost: progress.cost };
    return {
      ...(losses !== undefined && Object.keys(losses).length > 0 && { losses }),
      ...(cost !== undefined && { cost }),
    };
  }

  async #pauseOver(): Promise<void> {
    const from = Date.now();
    await this.#pausing.over();
    this.#pausedMs += Date.now() - from;
  }

  /** Takes the connection's lease; the summary when another sync has it, or nobody may have it. */
  async #begin(raise: number): Promise<SyncSummary | null> {
    const { connection } = this.#input;
    const { begin } = leaseActivities(`begin ${connection}`);
    const answer = await begin({ connection, holder: this.#holder, raise });
    if (answer.type === 'skipped')
      return skippedSummary(
        this.#facts(),
        answer.paused === undefined
          ? heldBy(answer.by, connection)
          : pausedFailure(connection, answer.paused),
      );
    this.#view.begun = answer.begun;
    if (answer.failure !== undefined) throw workflowFailure(answer.failure);
    this.#view.show('running');
    return null;
  }

  async #continue(begun: Begun, segment: number): Promise<never> {
    if (CancellationScope.current().consideredCancelled)
      throw new CancelledFailure('Sync cancelled.');
    await condition(allHandlersFinished);
    return continueAsNew<typeof syncWorkflow>({
      connection: this.#input.connection,
      continued: {
        begun,
        startedAt: this.#startedAt,
        attempts: this.#attempts,
        segment: segment + 1,
        checkpoints: Object.values(this.#view.checkpoints),
        ...(this.#pausedMs > 0 && { pausedMs: this.#pausedMs }),
        ...this.#told(),
      },
    });
  }

  /** Gives the lease back, whatever happened. */
  async #end(summary: SyncSummary): Promise<SyncSummary> {
    const { connection } = this.#input;
    if (summary.outcome !== 'skipped' && this.#view.begun !== null) {
      const { end } = leaseActivities(`end ${connection}: ${summary.outcome}`);
      await CancellationScope.nonCancellable(() =>
        end({ connection, holder: this.#holder, summary }),
      );
    }
    this.#view.summary = summary;
    this.#view.show(summary.outcome);
    return summary;
  }

  #facts() {
    return {
      syncNo: this.#view.begun?.syncNo ?? 0,
      workflowId: this.#holder.workflowId,
      startedAt: this.#startedAt,
      endedAt: new Date().toISOString(),
      attempts: this.#attempts,
      progress: this.#view.progress,
      checkpoints: this.#view.checkpoints,
    };
  }
}
