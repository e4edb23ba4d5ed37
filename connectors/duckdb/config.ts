import type { ConnectorSpecification } from '../../protocol/index.ts';

export interface DuckdbConfig {
  /** The database file; made when it is missing, its directory is not. */
  readonly path: string;
  /** For streams without a namespace, and for Tidemark's own two tables. */
  readonly schema?: string;
  readonly memory_limit?: string;
}

export const defaultSchema = 'main';
export const defaultMemoryLimit = '512MB';

export const duckdbSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'DuckDB destination',
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: {
        type: 'string',
        title: 'Database file',
        description: 'Made when it is missing; its directory must exist.',
        minLength: 1,
        'x-path': true,
        order: 0,
      },
      schema: {
        type: 'string',
        title: 'Schema',
        description:
          "For streams without a namespace, and for Tidemark's own two tables. Made when it is missing.",
        minLength: 1,
        default: defaultSchema,
        order: 1,
      },
      memory_limit: {
        type: 'string',
        title: 'Memory limit',
        description: 'What DuckDB may use while it commits; beyond it, it writes temporary files.',
        pattern: '^[0-9]+(\\.[0-9]+)? *([KMGT]i?B)$',
        default: defaultMemoryLimit,
        order: 2,
      },
    },
  },
  supported_destination_sync_modes: ['append', 'append_dedup', 'overwrite'],
  supportsIncremental: true,
  host_bound: true,
};
