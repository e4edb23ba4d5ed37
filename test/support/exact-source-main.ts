import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readExactly, tell } from './exact-source-reader.ts';
import { fieldIn, givenData, type ExactConfig } from './exact-source.ts';

// The exact source's process: `exact-source-main.js spec | check | discover | read`, see ExactConfig.

const spec = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    additionalProperties: false,
    required: ['directory', 'streams', 'records'],
    properties: {
      directory: { type: 'string' },
      streams: { type: 'array', items: { type: 'string' }, minItems: 1 },
      records: { type: 'integer', minimum: 0 },
      stateEvery: { type: 'integer', minimum: 1 },
      stateless: { type: 'boolean' },
      statesAt: { type: 'array', items: { type: 'integer' } },
      recordsPerSecond: { type: 'number' },
      padBytes: { type: 'integer' },
      stateBytes: { type: 'integer' },
      token: { type: 'string', airbyte_secret: true },
      interleaved: { type: 'boolean' },
      trouble: { type: 'object' },
    },
  },
};

const jsonSchema = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    note: { type: ['null', 'string'] },
    pad: { type: ['null', 'string'] },
  },
};

const schemaOf = ({ directory }: ExactConfig): object => {
  const field = fieldIn(directory);
  const added = field === null ? {} : { [field]: { type: ['null', 'string'] } };
  return { ...jsonSchema, properties: { ...jsonSchema.properties, ...added } };
};

const catalogOf = (config: ExactConfig): object => ({
  streams: config.streams.map((name) => {
    const data = givenData(config.directory, name);
    return {
      name,
      json_schema: data?.schema ?? schemaOf(config),
      supported_sync_modes: ['full_refresh', 'incremental'],
      source_defined_cursor: true,
      ...(data === null && {
        default_cursor_field: ['id'],
        source_defined_primary_key: [['id']],
      }),
    };
  }),
});

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      catalog: { type: 'string' },
      state: { type: 'string' },
    },
  });
  const json = (path: string | undefined): unknown =>
    path === undefined ? undefined : JSON.parse(readFileSync(path, 'utf8'));
  const [command = ''] = positionals;
  if (command === 'spec') return tell({ type: 'SPEC', spec });
  const config = json(values.config) as ExactConfig;
  switch (command) {
    case 'check':
      return tell({ type: 'CONNECTION_STATUS', connectionStatus: { status: 'SUCCEEDED' } });
    case 'discover':
      return tell({ type: 'CATALOG', catalog: catalogOf(config) });
    case 'read': {
      const { streams } = json(values.catalog) as { streams: { stream: { name: string } }[] };
      const state = (json(values.state) ?? []) as readonly unknown[];
      const chosen = streams.map(({ stream }) => stream.name);
      return readExactly({ ...config, streams: chosen }, state);
    }
    default:
      throw new Error(`No such command: ${command}`);
  }
}

await main();
