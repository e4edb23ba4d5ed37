import type { ConnectorSpecification } from '../../../protocol/index.ts';
import { serverProperties, serverRequired, type ServerConfig } from '../config.ts';

export interface PostgresConfig extends ServerConfig {
  /** For streams without a namespace, and for Tidemark's own two tables. */
  readonly schema?: string;
}

export const defaultSchema = 'public';

export const postgresSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Postgres destination',
    type: 'object',
    additionalProperties: false,
    anyOf: serverRequired,
    properties: {
      ...serverProperties,
      schema: {
        type: 'string',
        title: 'Schema',
        description:
          "For streams without a namespace, and for Tidemark's own two tables. Made when it is missing.",
        minLength: 1,
        default: defaultSchema,
        order: 8,
      },
    },
  },
  supported_destination_sync_modes: ['append', 'append_dedup', 'overwrite'],
  supportsIncremental: true,
};
