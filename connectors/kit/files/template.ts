import { partitionKeys } from './partitions.ts';
import { refusedConfig } from './refused.ts';

const required = ['stream', 'sync', 'attempt', 'part', 'ext'] as const;
const times = ['year', 'month', 'day', 'hour'] as const;
const optional = ['namespace', 'generation', ...times] as const;
type Placeholder = (typeof required)[number] | (typeof optional)[number];
const placeholders: readonly string[] = [...required, ...optional];

export type TemplateValues = Readonly<Record<Placeholder, string>>;
export type TimeValues = Pick<TemplateValues, (typeof times)[number]>;

export interface Template {
  readonly hasNamespace: boolean;
  /** Of its partitions, as Hive has them. */
  readonly keys: readonly string[];
  /** Below the destination's directory, with `/`. */
  path(values: TemplateValues): string;
}

const templateCharsMax = 200;
/** What file systems take for one name. */
const segmentBytesMax = 255;
/** Tidemark's own directory. */
export const ownDirectory = '_tidemark';

/** A time, ms, as a template spells it: in UTC, always of the same length, so that names sort by it. */
export function timeValues(at: number): TimeValues {
  const [year, month, day, hour] = new Date(at).toISOString().split(/[-T:]/) as [
    ...[string, string, string, string],
  ];
  return { year, month, day, hour };
}

/** How a person names the files. What it could do wrong is refused here, so that no name it makes leads out of the directory. */
export function templateOf(text: string): Template {
  const refuse = (why: string): Error =>
    refusedConfig(
      'The template for file names cannot be used.',
      `template ${text.slice(0, templateCharsMax)}: ${why}`,
      `Build it from ${placeholders.map((name) => `{${name}}`).join(', ')}, letters, digits and - _ = . between slashes, with .{ext} at its end.`,
    );
  if (text.length > templateCharsMax) throw refuse(`longer than ${templateCharsMax} characters`);
  const names = [...text.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]!);
  const unknown = names.find((name) => !placeholders.includes(name));
  if (unknown !== undefined) throw refuse(`{${unknown}} is no placeholder`);
  const lacking = required.find((name) => !names.includes(name));
  if (lacking !== undefined) throw refuse(`{${lacking}} is missing`);
  if (!text.endsWith('.{ext}')) throw refuse('it does not end in .{ext}');
  const segments = text.split('/');
  for (const segment of segments) {
    const literal = segment.replace(/\{[^{}]*\}/g, '');
    if (!/^[\w.=-]*$/.test(literal)) throw refuse(`a character of "${literal}" is not allowed`);
    if (segment === '' || segment.startsWith('.')) throw refuse('a part is empty or hidden');
    if (segment.toLowerCase().startsWith(ownDirectory)) throw refuse('that part is Tidemark’s own');
  }
  return {
    hasNamespace: names.includes('namespace'),
    keys: partitionKeys(text),
    path: (values) => filled(segments, values),
  };
}

function filled(segments: readonly string[], values: TemplateValues): string {
  const path = segments
    .map((segment) =>
      segment.replace(/\{([^{}]*)\}/g, (_, name: string) => values[name as Placeholder]),
    )
    // Streams without a namespace have no directory for it.
    .filter((segment) => segment !== '');
  const long = path.find((segment) => Buffer.byteLength(segment) > segmentBytesMax);
  if (long === undefined) return path.join('/');
  throw refusedConfig(
    'The name of a file would be too long.',
    `${long.slice(0, 100)}…: more than ${segmentBytesMax} bytes`,
    'Put {namespace} and {stream} into parts of their own in template.',
  );
}
