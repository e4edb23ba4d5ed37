import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A source whose refresh token works once, as a program in a directory of its own, where the one that gives out the tokens keeps its book:
 * each check, discover and read needs the token that was given out last, and is given the next one.
 */
export interface RotatingSource {
  readonly command: readonly string[];
  /** The runs so far; `refused`: of those with a token that is dead. */
  runs(): readonly Run[];
  /** Reads wait, once they have their token, until this is called. */
  holdReads(): void;
  letGo(): void;
  /** A person authenticates anew: from now on this token works, and no other. */
  authenticate(token: string): void;
}

export interface Run {
  readonly verb: 'check' | 'discover' | 'read';
  /** What it was given instead of the token that works. */
  readonly refused?: string;
}

/** In every token that is given out. */
export const issued = 'issued-4c1d-token';

const program = `
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = (name) => join(dirname(fileURLToPath(import.meta.url)), name);
const tell = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
const { positionals: [verb], values } = parseArgs({
  allowPositionals: true,
  options: { config: { type: 'string' }, catalog: { type: 'string' }, state: { type: 'string' } },
});
const secret = { type: 'string', airbyte_secret: true };
if (verb === 'spec') {
  tell({ type: 'SPEC', spec: { connectionSpecification: { type: 'object', properties: {
    records: { type: 'integer' },
    credentials: { type: 'object', properties: { refresh_token: secret, access_token: secret, token_expiry_date: { type: 'string' } } },
  } } } });
} else {
  const config = JSON.parse(readFileSync(values.config, 'utf8'));
  const valid = readFileSync(here('valid'), 'utf8');
  const given = config.credentials.refresh_token;
  const run = given === valid ? { verb } : { verb, refused: given };
  appendFileSync(here('runs.jsonl'), JSON.stringify(run) + '\\n');
  if (run.refused) {
    tell({ type: 'TRACE', trace: { type: 'ERROR', emitted_at: 1, error: { message: 'invalid_grant', failure_type: 'config_error' } } });
    process.exit(1);
  }
  const n = readFileSync(here('runs.jsonl'), 'utf8').split('\\n').length - 1;
  const next = '${issued}-refresh-' + n;
  writeFileSync(here('valid'), next);
  const credentials = { ...config.credentials, refresh_token: next, access_token: '${issued}-access-' + n, token_expiry_date: '2030-01-01' };
  tell({ type: 'CONTROL', control: { type: 'CONNECTOR_CONFIG', emitted_at: Date.now(), connectorConfig: { config: { ...config, credentials } } } });
  tell({ type: 'LOG', log: { level: 'INFO', message: 'goes on with ' + next } });
  if (verb === 'check') tell({ type: 'CONNECTION_STATUS', connectionStatus: { status: 'SUCCEEDED' } });
  if (verb === 'discover') tell({ type: 'CATALOG', catalog: { streams: [{
    name: 'items', json_schema: { type: 'object', properties: { id: { type: 'integer' } } },
    supported_sync_modes: ['full_refresh', 'incremental'], source_defined_cursor: true,
  }] } });
  if (verb === 'read') {
    while (existsSync(here('hold'))) await new Promise((resolve) => setTimeout(resolve, 20));
    const states = values.state === undefined ? [] : JSON.parse(readFileSync(values.state, 'utf8'));
    const from = states[0]?.stream.stream_state.id ?? 0;
    const descriptor = { name: 'items' };
    for (let id = from + 1; id <= config.records; id += 1) {
      tell({ type: 'RECORD', record: { stream: 'items', data: { id }, emitted_at: 1 } });
      if (id % 10 === 0) tell({ type: 'STATE', state: { type: 'STREAM', stream: { stream_descriptor: descriptor, stream_state: { id } } } });
    }
    tell({ type: 'TRACE', trace: { type: 'STREAM_STATUS', emitted_at: 1, stream_status: { stream_descriptor: descriptor, status: 'COMPLETE' } } });
  }
}
`;

export function rotatingSource(directory: string, firstToken: string): RotatingSource {
  const file = (name: string): string => join(directory, name);
  writeFileSync(file('rotating.mjs'), program);
  writeFileSync(file('valid'), firstToken);
  return {
    command: [process.execPath, file('rotating.mjs')],
    runs() {
      if (!existsSync(file('runs.jsonl'))) return [];
      const lines = readFileSync(file('runs.jsonl'), 'utf8').split('\n').filter(Boolean);
      return lines.map((line) => JSON.parse(line) as Run);
    },
    holdReads: () => appendFileSync(file('hold'), ''),
    letGo: () => rmSync(file('hold')),
    authenticate: (token) => writeFileSync(file('valid'), token),
  };
}
