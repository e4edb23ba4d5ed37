import { stringify } from 'yaml';
import type { Json } from '../../protocol/index.ts';
import { typeOf, type Field } from './fields.ts';
import { hintsOf, type Answer } from './interview.ts';

const columnsMax = 100;

export interface EndText {
  readonly connector: string;
  readonly answers: readonly Answer[];
}

export interface ConnectionText {
  readonly name: string;
  readonly source: EndText;
  readonly destination: EndText;
  readonly every: string | null;
}

/** A connection file for people: every setting with its description, those left out as comments. */
export function connectionText({ name, source, destination, every }: ConnectionText): string {
  return [
    `# Written by tidemark init. Next: tidemark apply ${name}`,
    `name: ${flow(name)}`,
    ...endLines('source', source),
    ...endLines('destination', destination),
    ...comment(
      'Absent: every stream, in the best mode it supports. `tidemark discover` lists them once this is applied.',
      '',
    ),
    '# streams:',
    '#   - { name: orders, sync_mode: incremental, destination_sync_mode: append_dedup, primary_key: [[id]] }',
    ...(every === null
      ? ['# schedule: { every: 15m }   # or { cron: "0 * * * *", timezone: Europe/Berlin }']
      : [`schedule: { every: ${flow(every)} }`]),
    '',
  ].join('\n');
}

function endLines(end: string, { connector, answers }: EndText): readonly string[] {
  return [
    `${end}:`,
    `  connector: ${flow(connector)}`,
    '  config:',
    ...answers.flatMap((answer) => answerLines(answer, '    ')),
  ];
}

function answerLines({ field, value, members }: Answer, indent: string): readonly string[] {
  const { key } = field;
  const told = comment(hintsOf(field), indent);
  if (members !== undefined) {
    const inner = members.flatMap((answer) => answerLines(answer, `${indent}  `));
    const isEmpty = inner.every((line) => line.trim().startsWith('#'));
    return [...told, `${indent}${flow(key)}:${isEmpty ? ' {}' : ''}`, ...inner];
  }
  if (value !== undefined) return [...told, `${indent}${flow(key)}: ${flow(value)}`];
  return [...told, `${indent}# ${flow(key)}: ${flow(sampleOf(field))}`];
}

/** What to begin with once the comment is taken away. */
function sampleOf({ schema, secret }: Field): Json {
  const { default: byDefault, examples, enum: list } = schema;
  if (secret) return '${env:NAME}';
  if (byDefault !== undefined) return byDefault as Json;
  const first = (some: unknown): Json | undefined =>
    Array.isArray(some) ? (some as Json[])[0] : undefined;
  const empty = { array: [], object: {} }[typeOf(schema) ?? ''] ?? null;
  return first(examples) ?? first(list) ?? empty;
}

/** On one line, whatever it holds. */
function flow(value: Json): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, blockQuote: false }).trim();
}

function comment(text: string, indent: string): readonly string[] {
  const lines: string[] = [];
  for (const word of text
    .replace(/\p{Cc}+/gu, ' ')
    .split(' ')
    .filter(Boolean)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > columnsMax)
      lines.push(`${indent}# ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
