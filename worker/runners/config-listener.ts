import type { ControlMessage } from '../../protocol/index.ts';

/** Where a connector's own changes of its config go: the old value of a rotated token is dead from then on. */
export interface ConfigListener {
  /** Takes in what it printed; what is new is masked from now on. What it was given anyway is no news. */
  hear(message: ControlMessage): void;
  /**
   * Resolves once all that was heard is kept where every worker finds it. Rejects with a SyncError when it cannot be; then the connector
   * must not go on.
   */
  kept(): Promise<void>;
}

/** For what is given no config: there is none to be changed. */
export const noUpdates: ConfigListener = {
  hear: () => undefined,
  kept: () => Promise.resolve(),
};
