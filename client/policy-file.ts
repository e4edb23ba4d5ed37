import { defaultPolicy, type Policy } from '../protocol/index.ts';
import { durationText, parseDuration, parseSize, sizeText } from './units.ts';
import { choiceOf, type YamlValue } from './yaml-value.ts';

type Limits = { readonly min: number; readonly max: number };
type Member = {
  [K in keyof Policy]-?: NonNullable<Policy[K]> extends number ? K : never;
}[keyof Policy];

interface Rule extends Limits {
  readonly member: Member;
  readonly kind: 'duration' | 'size' | 'count';
}

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const dayMs = 24 * 60 * minuteMs;
const mebibyte = 1024 * 1024;

/** Every key of `policy` that is a number, with its limits. */
const rules: Readonly<Record<string, Rule>> = {
  checkpoint_age_max: {
    member: 'checkpointAgeMsMax',
    kind: 'duration',
    min: 10 * secondMs,
    max: 30 * minuteMs,
  },
  attempts_without_progress_max: {
    member: 'attemptsWithoutProgressMax',
    kind: 'count',
    min: 1,
    max: 1_000,
  },
  heartbeat_timeout: {
    member: 'heartbeatTimeoutMs',
    kind: 'duration',
    min: 3 * secondMs,
    max: 10 * minuteMs,
  },
  parallelism: { member: 'parallelism', kind: 'count', min: 1, max: 64 },
  rows_min: { member: 'rowsMin', kind: 'count', min: 0, max: Number.MAX_SAFE_INTEGER },
  batch_max: { member: 'batchBytesMax', kind: 'size', min: mebibyte / 16, max: 16_384 * mebibyte },
  commit_interval_min: {
    member: 'commitIntervalMsMin',
    kind: 'duration',
    min: 0,
    max: 15 * minuteMs,
  },
  commit_interval_max: {
    member: 'commitIntervalMsMax',
    kind: 'duration',
    min: secondMs,
    max: 15 * minuteMs,
  },
  source_silence_max: {
    member: 'sourceSilenceMsMax',
    kind: 'duration',
    min: 10 * secondMs,
    max: 7 * dayMs,
  },
  destination_blocked_max: {
    member: 'destinationBlockedMsMax',
    kind: 'duration',
    min: 10 * secondMs,
    max: 7 * dayMs,
  },
  no_progress_max: {
    member: 'noProgressMsMax',
    kind: 'duration',
    min: 10 * secondMs,
    max: 7 * dayMs,
  },
  sync_max: { member: 'syncMsMax', kind: 'duration', min: minuteMs, max: 365 * dayMs },
  segment_max: { member: 'segmentMsMax', kind: 'duration', min: minuteMs, max: 7 * dayMs },
};
const schemaChoices = ['propagate', 'ignore', 'pause'] as const;
const columnChoices = ['ignore', 'backfill'] as const;
const overdueChoices = ['warn', 'fail'] as const;
const choices = ['on_overdue', 'schema_changes', 'on_new_column'] as const;

/** The policy of a connection file; what it does not name takes its default. */
export function policyOf(value: YamlValue | undefined): Policy {
  if (value === undefined) return defaultPolicy;
  const entries = value.entries([...Object.keys(rules), ...choices]);
  const policy: { -readonly [K in keyof Policy]: Policy[K] } = { ...defaultPolicy };
  for (const [key, rule] of Object.entries(rules)) {
    const entry = entries[key];
    if (entry !== undefined) policy[rule.member] = limited(entry, rule);
  }
  const overdue = entries['on_overdue'];
  if (overdue !== undefined) policy.onOverdue = choiceOf(overdue, overdueChoices);
  const schema = entries['schema_changes'];
  if (schema !== undefined) policy.schemaChanges = choiceOf(schema, schemaChoices);
  const column = entries['on_new_column'];
  if (column !== undefined) policy.onNewColumn = choiceOf(column, columnChoices);
  if ((policy.commitIntervalMsMin ?? 0) > (policy.commitIntervalMsMax ?? Infinity))
    throw (entries['commit_interval_min'] ?? entries['commit_interval_max'] ?? value).refuse(
      'The commit intervals contradict each other.',
      'Keep commit_interval_min at or below commit_interval_max.',
    );
  return policy;
}

function limited(value: YamlValue, { kind, min, max }: Rule): number {
  const { parse, write, example } = kinds[kind];
  const parsed = parse(value);
  if (parsed === undefined)
    throw value.refuse(`This is not a ${kind}.`, `Write one such as ${example}.`);
  if (parsed >= min && parsed <= max) return parsed;
  throw value.refuse(
    'The value is outside its limits.',
    `Use at least ${write(min)} and at most ${write(max)}.`,
  );
}

const kinds = {
  duration: {
    parse: (value: YamlValue) => textThen(value, parseDuration),
    write: durationText,
    example: '45s, 30m or 6h',
  },
  size: {
    parse: (value: YamlValue) => textThen(value, parseSize),
    write: sizeText,
    example: '64MB or 1GB',
  },
  count: {
    parse: (value: YamlValue) => {
      const number = value.number();
      return Number.isSafeInteger(number) ? number : undefined;
    },
    write: String,
    example: '5',
  },
} as const;

function textThen(
  value: YamlValue,
  parse: (text: string) => number | undefined,
): number | undefined {
  const text = value.text();
  return text === undefined ? undefined : parse(text);
}
