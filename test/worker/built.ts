import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A file of the build, for tests that need a real process. */
export function built(path: string): string {
  const file = fileURLToPath(new URL(`../../dist/${path}`, import.meta.url));
  if (existsSync(file)) return file;
  throw new Error(`${file} is absent. Build first: npm run build`);
}
