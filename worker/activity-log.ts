import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { isObject } from '../protocol/index.ts';

/** Of which sync an activity is, as far as its input tells. */
interface Named {
  readonly connection?: string;
  readonly sync?: number;
}

/** Puts `connection` and `sync` (its number) on every line that an activity logs, beside the attempt, which the SDK tells. */
export function nameSyncs(): ActivityInterceptorsFactory {
  // A reader is not told its connection. Its writer is in this process, for as long as it reads.
  const writing = new Map<string, Named>();
  return ({ info }) => {
    const runId = info.workflowExecution?.runId ?? '';
    let named: Named = {};
    return {
      inbound: {
        async execute(input, next) {
          named = namedBy(input.args[0]);
          const isWriter = named.connection !== undefined && named.sync !== undefined;
          if (!isWriter) return next(input);
          writing.set(runId, named);
          try {
            return await next(input);
          } finally {
            if (writing.get(runId) === named) writing.delete(runId);
          }
        },
      },
      outbound: {
        getLogAttributes: (input, next) => next({ ...input, ...writing.get(runId), ...named }),
      },
    };
  };
}

function namedBy(input: unknown): Named {
  if (!isObject(input)) return {};
  const { begun, connection, epoch } = input;
  if (isObject(begun) && isObject(begun['spec']))
    return named(begun['spec']['name'], begun['syncNo']);
  return named(connection, isObject(epoch) ? epoch['syncNo'] : undefined);
}

function named(connection: unknown, sync: unknown): Named {
  return {
    ...(typeof connection === 'string' && { connection }),
    ...(typeof sync === 'number' && { sync }),
  };
}
