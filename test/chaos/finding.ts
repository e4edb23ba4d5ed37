/** What one scenario showed; `broken` names every promise that did not hold. */
export interface Finding {
  readonly what: string;
  readonly facts: Readonly<Record<string, string | number>>;
  readonly broken: readonly string[];
}

/** A Markdown table of findings that have the same facts. */
export function tableOf(findings: readonly Finding[]): string {
  const keys = Object.keys(findings[0]?.facts ?? {});
  const rows = [
    ['', ...keys, 'promises'],
    ...findings.map(({ what, facts, broken }) => [
      what,
      ...keys.map((key) => shown(facts[key])),
      broken.length === 0 ? 'kept' : `BROKEN: ${broken.join('; ')}`,
    ]),
  ];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map(
    (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`,
  );
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  return lines.join('\n');
}

function shown(value: string | number | undefined): string {
  return typeof value === 'number' ? value.toLocaleString('en-US') : (value ?? '');
}
