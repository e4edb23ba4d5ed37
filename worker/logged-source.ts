import {
  describeFailure,
  type End,
  type Item,
  type JsonObject,
  type Source,
} from '../protocol/index.ts';
import type { ConnectorLog } from './connector-log.ts';
import { cleanLog, cleanTrace, logLine } from './runners/log-text.ts';

export interface LoggedOptions {
  /** The connector's name, for people. */
  readonly label: string;
  readonly log: ConnectorLog;
  readonly redact: (text: string) => string;
}

/** A source in this process, whose messages are kept as those of other programs are: without secrets, each cut at the length of a log's entry. */
export function loggedSource(
  source: Source<JsonObject>,
  { label, log, redact }: LoggedOptions,
): Source<JsonObject> {
  const line = (text: string): void => log.line(label, text);

  function passed(item: Item): Item {
    switch (item.type) {
      case 'LOG': {
        const clean = cleanLog(item, redact);
        line(logLine(clean)!);
        return clean;
      }
      case 'TRACE': {
        const clean = cleanTrace(item, redact);
        const text = logLine(clean);
        if (text !== null) line(text);
        return clean;
      }
      case 'END':
        for (const failure of failuresOf(item)) line(redact(failure));
        return item;
      case 'BLOCK':
      case 'STATE':
        return item;
    }
  }

  return {
    spec: source.spec,
    check: (config, signal) => source.check(config, signal),
    discover: (config, signal) => source.discover(config, signal),
    async *read(input): AsyncGenerator<Item, void, undefined> {
      for await (const item of source.read(input)) yield passed(item);
    },
  };
}

/** What other programs would have printed as they failed. */
function failuresOf({ failure, streamFailures = {} }: End): readonly string[] {
  const told = [...Object.values(streamFailures), ...(failure === null ? [] : [failure])];
  return [...new Set(told.map(describeFailure))];
}
