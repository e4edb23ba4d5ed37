import { SyncError } from '../../protocol/index.ts';

/** The config_error that the call throws; fails when it throws none. */
export function refusalOf(call: () => unknown): SyncError {
  try {
    call();
  } catch (error) {
    if (error instanceof SyncError && error.kind === 'config_error') return error;
    throw error;
  }
  throw new Error('It was accepted.');
}

/** Everything of an error that people or Temporal may see. */
export function textOf(error: SyncError): string {
  return JSON.stringify(error.toFailure()) + error.message + String(error.stack);
}
