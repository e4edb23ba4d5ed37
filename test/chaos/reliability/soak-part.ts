import { tableOf, type Finding } from '../finding.ts';
import { factLines, type PublishedRun } from './run-facts.ts';

/** A soak takes an hour and the matrix a quarter of one: each run writes its own part of the page and leaves the other's. */
const [begin, end] = ['<!-- soak -->', '<!-- end of soak -->'];

export interface SoakRun extends PublishedRun {
  readonly findings: readonly Finding[];
}

const notRun = [begin, '', 'Not run: `npm run chaos -- --only soak --publish`.', '', end].join(
  '\n',
);

/** The soak's part as a page has it, or that there was none. */
export function soakPartIn(page: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  return from < 0 || to < from ? notRun : page.slice(from, to + end.length);
}

/** The page with this part in the place of its own. Throws where it has none. */
export function withSoakPart(page: string, part: string): string {
  const old = soakPartIn(page);
  if (!page.includes(old))
    throw new Error('The page has no part for the soak. Publish the matrix first.');
  // A function: the part may hold what `replace` takes for a pattern.
  return page.replace(old, () => part);
}

export function soakPartOf(run: SoakRun): string {
  const { seed, minutes, findings } = run;
  return [
    begin,
    '',
    'One connection a destination, its syncs back to back, three destinations at once; each sync is struck by one fault at a random instant. Two workers',
    'a destination: faults take the one; what the other holds between two syncs is looked at every half minute. *Then* compares the middle third of the',
    'samples with the last one.',
    '',
    ...factLines(run, `\`npm run chaos -- --only soak --minutes ${minutes} --seed ${seed}\``),
    '',
    tableOf(findings),
    '',
    end,
  ].join('\n');
}
