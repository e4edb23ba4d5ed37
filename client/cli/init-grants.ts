import { resolve } from 'node:path';
import { grant, isLacking, lackingIn, lackingLines, type Needs } from '../connectors-grants.ts';
import type { Lacking } from '../connectors-grants.ts';
import type { Asker } from '../init/interview.ts';
import { clean } from './format.ts';
import type { Session } from './io.ts';
import type { Options } from './verb.ts';

export interface Granted {
  readonly lacking: Lacking;
  /** It was added to the file. */
  readonly isAdded: boolean;
  /** For the person. */
  readonly lines: readonly string[];
}

/** Adds to the worker's file what the connection needs there, if the person agrees; else says what to add. */
export async function grantNeeds(
  session: Session,
  needs: Needs,
  options: Options,
  { ask, say }: Asker,
): Promise<Granted> {
  const shown = String(options['connectorsFile']);
  const file = resolve(session.io.directory, shown);
  const lacking = await lackingIn(file, needs);
  if (!isLacking(lacking)) return { lacking, isAdded: false, lines: [] };
  const lines = lackingLines(lacking).map((line) => `  ${clean(line)}`);
  let isAdded = options['yes'] === true;
  if (!isAdded && ask !== null) {
    say(`The worker may not do this yet. In ${shown} it needs:`);
    lines.forEach(say);
    isAdded = /^y(es)?$/i.test((await ask('Add it? (y/N): ')).trim());
  }
  if (isAdded) await grant(file, lacking);
  const title = isAdded ? `${shown}: added` : `${shown} lacks (add it, and restart the worker):`;
  return { lacking, isAdded, lines: [title, ...lines] };
}
