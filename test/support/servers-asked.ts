import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Of jest's global configuration. */
export interface ChosenFiles {
  readonly rootDir: string;
  readonly testPathPatterns: {
    toExecutor(options: { readonly rootDir: string }): { isMatch(path: string): boolean };
  };
}

/**
 * What the names of the test files that are to run ask for: of `connectors/mysql.mysql.test.ts` `mysql`, of `pairs.mysql.s3.test.ts` both. A
 * server that none asks for is not started.
 */
export function serversAsked({ rootDir, testPathPatterns }: ChosenFiles): ReadonlySet<string> {
  const chosen = testPathPatterns.toExecutor({ rootDir });
  const asked = readdirSync(join(rootDir, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && chosen.isMatch(join(rootDir, 'test', name)))
    .flatMap((name) => name.split('/').at(-1)!.split('.').slice(1, -2));
  return new Set(asked);
}
