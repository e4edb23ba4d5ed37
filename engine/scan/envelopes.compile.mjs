// `npm run wasm`: compiles envelopes.as.ts into envelopes-wasm.ts. With --print: prints what that file should hold.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const place = (path) => fileURLToPath(new URL(path, import.meta.url));
const compiler = place('../../node_modules/assemblyscript/bin/asc.js');
const options = ['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--enable', 'simd'];
// Twelve pages hold the layout and a window of input; the lowest addresses are ours.
const memory = ['--initialMemory', '12', '--memoryBase', '64'];

const directory = mkdtempSync(join(tmpdir(), 'tidemark-wasm-'));
try {
  const file = join(directory, 'envelopes.wasm');
  const args = [compiler, 'envelopes.as.ts', '-o', file, ...options, ...memory];
  execFileSync(process.execPath, args, { cwd: place('.'), stdio: 'inherit' });
  const lines = readFileSync(file)
    .toString('base64')
    .match(/.{1,110}/g);
  const text = `// Made by \`npm run wasm\` from envelopes.as.ts; a test compares the two.
export const code = Buffer.from(
  \`
${lines.join('\n')}
\`,
  'base64',
);
`;
  if (process.argv.includes('--print')) process.stdout.write(text);
  else writeFileSync(place('envelopes-wasm.ts'), text);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
