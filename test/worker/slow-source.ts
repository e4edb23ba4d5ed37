import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const slowRecords = 60;

/** Sends a record and a state every 100 ms, and notes where each run began. */
const slowSource = `
const { readFileSync, appendFileSync } = require('node:fs');
const argument = (name) => { const at = process.argv.indexOf(name); return at < 0 ? undefined : JSON.parse(readFileSync(process.argv[at + 1], 'utf8')); };
const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
const verb = process.argv[2];
const stream_descriptor = { name: 'ticks' };
const status = (status) => say({ type: 'TRACE', trace: { type: 'STREAM_STATUS', emitted_at: Date.now(), stream_status: { stream_descriptor, status } } });
if (verb === 'spec') say({ type: 'SPEC', spec: { connectionSpecification: { type: 'object', properties: {} } } });
if (verb === 'check') say({ type: 'CONNECTION_STATUS', connectionStatus: { status: 'SUCCEEDED' } });
if (verb === 'discover') say({ type: 'CATALOG', catalog: { streams: [{ name: 'ticks', supported_sync_modes: ['full_refresh', 'incremental'], source_defined_cursor: true,
  json_schema: { type: 'object', properties: { n: { type: 'integer' } } } }] } });
if (verb === 'read') {
  let n = argument('--state')?.[0]?.stream?.stream_state?.n ?? 0;
  appendFileSync('runs.txt', n + '\\n');
  status('STARTED');
  const next = () => {
    if (n === ${slowRecords}) return status('COMPLETE');
    n += 1;
    say({ type: 'RECORD', record: { stream: 'ticks', data: { n }, emitted_at: Date.now() } });
    say({ type: 'STATE', state: { type: 'STREAM', stream: { stream_descriptor, stream_state: { n } }, sourceStats: { recordCount: 1 } } });
    setTimeout(next, 100);
  };
  next();
}
`;

/** Leaves the source, called `slow`, and a connectors.yaml that names it. */
export async function writeSlowSource(directory: string): Promise<void> {
  await writeFile(join(directory, 'slow.cjs'), slowSource);
  await writeFile(
    join(directory, 'connectors.yaml'),
    'connectors:\n  slow: { kind: source, runner: exec, command: [node, ./slow.cjs] }\ndirectories: [.]\n',
  );
}
