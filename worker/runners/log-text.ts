import type { LogMessage, TraceMessage } from '../../protocol/index.ts';

/** A connector's message of this length is cut: it goes to logs and progress, never into data. */
export const logLengthMax = 16 * 1024;

type Redact = (text: string) => string;

const shorten =
  (redact: Redact): Redact =>
  (text) =>
    redact(text).slice(0, logLengthMax);

/** The message without secrets, and not longer than a log line may be. */
export function cleanLog({ type, log }: LogMessage, redact: Redact): LogMessage {
  const clean = shorten(redact);
  return {
    type,
    log: {
      ...log,
      message: clean(log.message),
      ...(typeof log.stack_trace === 'string' && { stack_trace: clean(log.stack_trace) }),
    },
  };
}

export function cleanTrace(message: TraceMessage, redact: Redact): TraceMessage {
  const { error } = message.trace;
  if (error === undefined) return message;
  const clean = shorten(redact);
  const optional = (text: string | null | undefined): string | null =>
    typeof text === 'string' ? clean(text) : null;
  return {
    ...message,
    trace: {
      ...message.trace,
      error: {
        ...error,
        message: clean(error.message),
        internal_message: optional(error.internal_message),
        stack_trace: optional(error.stack_trace),
      },
    },
  };
}

/** For the log file; null: nothing that people look for there. */
export function logLine(message: LogMessage | TraceMessage): string | null {
  if (message.type === 'LOG') {
    const { level, message: text, stack_trace: stack } = message.log;
    return `${level} ${text}${stack === undefined ? '' : `\n${stack}`}`;
  }
  const { error, stream_status: status } = message.trace;
  if (error !== undefined) {
    const { message: text, failure_type: kind, internal_message: internal } = error;
    return `TRACE ${kind ?? 'error'}: ${text}${internal ? ` (${internal})` : ''}${error.stack_trace ? `\n${error.stack_trace}` : ''}`;
  }
  return status === undefined ? null : `TRACE ${status.stream_descriptor.name} ${status.status}`;
}
