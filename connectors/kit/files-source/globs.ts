import picomatch from 'picomatch';
import { configError } from './errors.ts';

export type Matcher = (name: string) => boolean;

/** Refuses a glob that could name something outside of the directory. */
export function matcherOf(glob: string, stream: string): Matcher {
  const parts = glob.split('/');
  if (glob.startsWith('/') || glob.includes('\0') || parts.includes('..'))
    throw configError(
      'A glob leads out of the source.',
      `streams ${stream}: glob ${glob.slice(0, 300)}`,
      'Write it relative to the source’s directory or prefix, without ".." and without a slash at its beginning.',
      stream,
    );
  // Extended globs and regular expressions are switched off: nobody asks for them, and some never end.
  const matches = picomatch(withoutDots(glob), { noextglob: true, nonegate: true });
  return (name) => matches(name);
}

/** What all names that a glob matches begin with. */
export function fixedPart(glob: string): string {
  return /^[^*?[\]{}()!\\"+@|^$]*/.exec(withoutDots(glob))![0];
}

const withoutDots = (glob: string): string => glob.replace(/^(\.\/)+/, '');
