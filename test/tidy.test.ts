import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

// The house as a table: what each room may import. `type:x` allows only `import type` from x. Node built-ins are free
// outside protocol and workflows; each room may import itself.
const mayImport: Record<string, readonly string[]> = {
  protocol: [],
  'connectors/kit': ['protocol', 'node:', 'type:@duckdb/node-api'],
  // What destinations of files share, whatever they put them into.
  'connectors/kit/files': [
    ...['protocol', 'connectors/kit', 'node:', '@duckdb/node-api', '@hpcc-js/wasm-zstd'],
  ],
  // What sources of files share, wherever those are.
  'connectors/kit/files-source': [
    ...['protocol', 'connectors/kit', 'node:', '@duckdb/node-api', 'fzstd', 'picomatch'],
  ],
  // What every system that keeps objects in S3 shares.
  'connectors/kit/s3': ['protocol', 'connectors/kit', 'node:', '@aws-sdk/client-s3'],
  'connectors/postgres': ['protocol', 'connectors/kit', 'node:', 'pg', 'pg-copy-streams'],
  'connectors/mysql': ['protocol', 'connectors/kit', 'node:', 'mysql2'],
  'connectors/bigquery': ['protocol', 'connectors/kit', 'node:', 'google-auth-library'],
  'connectors/duckdb': ['protocol', 'connectors/kit', 'node:', '@duckdb/node-api'],
  'connectors/files': ['protocol', 'connectors/kit', 'node:', '@duckdb/node-api'],
  'connectors/s3': ['protocol', 'connectors/kit', 'node:', '@aws-sdk/client-s3'],
  'connectors/snowflake': ['protocol', 'connectors/kit', 'node:', 'snowflake-sdk'],
  'connectors/redshift': ['protocol', 'connectors/kit', 'node:', 'pg', '@aws-sdk/client-s3'],
  engine: ['protocol', 'node:'],
  activities: [
    ...['protocol', 'engine', 'workflows/messages', 'workflows/data-converter'],
    ...['workflows/room', 'node:'],
    ...['@temporalio/activity', '@temporalio/common', '@temporalio/client'],
  ],
  workflows: ['protocol', 'type:activities', '@temporalio/workflow', '@temporalio/common'],
  // Runs outside the sandbox: worker and client compress payloads with it.
  'workflows/data-converter': ['protocol', 'node:', '@temporalio/common'],
  'workflows/room': ['protocol', 'workflows/data-converter'],
  worker: [
    ...[
      'protocol',
      'engine',
      'connectors',
      'activities',
      'workflows/messages',
      'workflows/data-converter',
    ],
    ...['@temporalio/worker', '@temporalio/common', '@temporalio/client', '@temporalio/envconfig'],
    ...['@temporalio/testing', 'node:', 'yaml', 'ajv', 'ajv-formats', 'prom-client'],
  ],
  client: [
    ...['protocol', 'workflows/messages', 'workflows/data-converter', 'workflows/room'],
    'type:workflows',
    ...[
      '@temporalio/client',
      '@temporalio/common',
      '@temporalio/envconfig',
      'node:',
      'yaml',
      'commander',
      'ajv',
      'ajv-formats',
    ],
  ],
};

const root = fileURLToPath(new URL('..', import.meta.url));
const linesMax = 400;
const testLinesMax = 600;

/** The room a path is in: each connector is one of its own, and so are the kit's two of files, its one of S3 and the three files of workflows that the doors may use. */
function roomOf(path: string): string {
  const [top, second, third, fourth] = relative(root, path).split(sep);
  if (second === 'kit' && /^(files(-source)?|s3)$/.test(third!) && fourth !== undefined)
    return `${top}/kit/${third}`;
  if (top === 'connectors' && third !== undefined) return `${top}/${second}`;
  if (top === 'workflows' && /^(messages|data-converter|room)\.ts$/.test(second!)) {
    return `${top}/${second!.slice(0, -3)}`;
  }
  return top!;
}

function importsOf(file: string): { from: string; typeOnly: boolean }[] {
  const statement =
    /(?:^(?:import|export)\s(type\s)?(?:[^'";]*?from\s+)?|\bimport\()['"]([^'"]+)['"]/gm;
  return [...readFileSync(file, 'utf8').matchAll(statement)].map(([, type, specifier]) => ({
    from: specifier!.startsWith('.') ? roomOf(join(dirname(file), specifier!)) : specifier!,
    typeOnly: type !== undefined,
  }));
}

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(root, folder, name));
}

function allows(rules: readonly string[], from: string, typeOnly: boolean): boolean {
  return rules
    .filter((rule) => typeOnly || !rule.startsWith('type:'))
    .map((rule) => rule.replace('type:', ''))
    .some(
      (rule) =>
        from === rule ||
        from.startsWith(`${rule}/`) ||
        (rule.endsWith(':') && from.startsWith(rule)),
    );
}

const rooms = ['protocol', 'connectors', 'engine', 'activities', 'workflows', 'worker', 'client'];

test.each(rooms)('%s imports only what the house allows', (folder) => {
  const files = filesIn(folder);
  expect(files.length).toBeGreaterThan(0);
  const offences = files.flatMap((file) => {
    const room = roomOf(file);
    const rules = mayImport[room] ?? mayImport[folder] ?? [];
    return importsOf(file)
      .filter(({ from }) => from !== room && from.split('/')[0] !== room)
      .filter(({ from, typeOnly }) => !allows(rules, from, typeOnly))
      .map(({ from }) => `${relative(root, file)} imports ${from}`);
  });
  expect(offences).toEqual([]);
});

test('no file is longer than its limit', () => {
  const long = [...rooms, 'test', 'bench', 'docs']
    .flatMap(filesIn)
    .map((file) => ({
      file: relative(root, file),
      lines: readFileSync(file, 'utf8').split('\n').length,
    }))
    .filter(({ file, lines }) => lines > (file.startsWith('test') ? testLinesMax : linesMax));
  expect(long).toEqual([]);
});

test('a heartbeat is never bare, dynamic imports are where they save a start, no test is skipped', () => {
  const rules: [RegExp, string, readonly string[]][] = [
    [/\bheartbeat\(\)/, 'a bare heartbeat erases the checkpoint', rooms],
    [
      /\bimport\(/,
      'a dynamic import where nothing is gained',
      ['protocol', 'engine', 'workflows', 'activities', 'client'],
    ],
    [/\b(it|test|describe)\.(skip|only|todo)\b/, 'a skipped test', ['test']],
    [/catch *(\([^)]*\))? *\{\s*\}/, 'an empty catch', rooms],
  ];
  const offences = rules.flatMap(([pattern, what, folders]) =>
    folders
      .flatMap(filesIn)
      .filter((file) => !file.endsWith('tidy.test.ts') && pattern.test(readFileSync(file, 'utf8')))
      .map((file) => `${relative(root, file)}: ${what}`),
  );
  expect(offences).toEqual([]);
});
