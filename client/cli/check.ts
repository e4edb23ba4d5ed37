import type { Command } from 'commander';
import { describeFailure, type Stream } from '../../protocol/index.ts';
import type { CheckResult, Discovered } from '../index.ts';
import { clean, plural, table } from './format.ts';
import { answer, exitCodes, onUnpolled, type Session } from './io.ts';
import { specAt, targetOf } from './targets.ts';
import { addVerb, type Verbs } from './verb.ts';

export function addCheck(program: Command, verbs: Verbs): void {
  addVerb(program, verbs, {
    usage: 'check <name|file>',
    summary: 'try both ends of a connection, stored or in a file',
    examples: ['tidemark check orders', 'tidemark check connections/orders.yaml'],
    act: check,
  });
  addVerb(program, verbs, {
    usage: 'discover <name>',
    summary: 'list the streams that the source of a connection offers',
    examples: ['tidemark discover orders', 'tidemark discover orders --json > catalog.json'],
    act: async (session, [name = '']) => {
      const client = await session.client();
      const found = await client.discover(name, onUnpolled(session));
      answer(session, found, () => catalogText(found));
      return exitCodes.done;
    },
  });
}

async function check(session: Session, [text = '']: readonly (string | undefined)[]) {
  const target = targetOf(text);
  const subject = target.type === 'name' ? target.name : await specAt(session.io, target.path);
  const client = await session.client();
  const results = await client.check(subject, onUnpolled(session));
  answer(session, results, () => results.map(checkText));
  return checkExitCode(results);
}

export function checkText({ end, connector, ok, failure }: CheckResult): string {
  const verdict = ok ? 'ok' : 'failed';
  const why = failure === undefined ? '' : `: ${describeFailure(failure)}`;
  return clean(`${end} ${connector}: ${verdict}${why}`);
}

export function checkExitCode(results: readonly CheckResult[]): number {
  const failed = results.filter(({ ok }) => !ok);
  if (failed.length === 0) return exitCodes.done;
  const isConfig = failed.some(({ failure }) => failure?.kind === 'config_error');
  return isConfig ? exitCodes.config : exitCodes.failed;
}

function catalogText({ catalog, truncated }: Discovered): readonly string[] {
  const rows = catalog.streams.map((stream) => [
    stream.namespace ? `${stream.namespace}.${stream.name}` : stream.name,
    String(Object.keys((stream.json_schema['properties'] ?? {}) as object).length),
    (stream.supported_sync_modes ?? ['full_refresh']).join(', '),
    cursorText(stream),
    (stream.source_defined_primary_key ?? []).map((path) => path.join('.')).join(', '),
  ]);
  return [
    ...table(['STREAM', 'FIELDS', 'SYNC MODES', 'CURSOR', 'PRIMARY KEY'], rows, [1]),
    plural(rows.length, 'stream'),
    ...(truncated ? ['The catalog is too large to be shown whole.'] : []),
  ];
}

function cursorText(stream: Stream): string {
  if (stream.default_cursor_field?.length) return stream.default_cursor_field.join('.');
  return stream.source_defined_cursor === true ? 'by the source' : '';
}
