/** When a published run was made, and on what. */
export interface PublishedRun {
  readonly seed: number;
  readonly startedAt: Date;
  readonly minutes: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** Lines of a Markdown table. `repeat`: how to make the run again, in Markdown. */
export function factLines(
  { startedAt, minutes, versions }: PublishedRun,
  repeat: string,
): readonly string[] {
  return [
    '| | |',
    '|---|---|',
    `| date | ${startedAt.toISOString().slice(0, 10)}, ${minutes.toFixed(0)} minutes |`,
    ...Object.entries(versions).map(([name, value]) => `| ${name} | ${value} |`),
    `| repeat | ${repeat} |`,
  ];
}
