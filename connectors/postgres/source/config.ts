import type { ConnectorSpecification } from '../../../protocol/index.ts';
import { lookBackProperty } from '../../kit/tables-source/look-back.ts';
import { serverProperties, serverRequired, type ServerConfig } from '../config.ts';

export interface PostgresSourceConfig extends ServerConfig {
  /** Absent: all that are not the system's. */
  readonly schemas?: readonly string[];
  /** See `lookBackPattern`. */
  readonly look_back?: string;
  readonly checkpoint_pages?: number;
  readonly checkpoint_records?: number;
}

/** 16 MiB of pages of 8 KiB. */
export const defaultCheckpointPages = 2_048;
export const defaultCheckpointRecords = 10_000;

export const postgresSourceSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Postgres source',
    type: 'object',
    additionalProperties: false,
    anyOf: serverRequired,
    properties: {
      ...serverProperties,
      schemas: {
        type: 'array',
        title: 'Schemas',
        description: "Whose tables and views are offered. Absent: all but the system's own.",
        items: { type: 'string', minLength: 1 },
        minItems: 1,
        uniqueItems: true,
        examples: [['public', 'sales']],
        order: 7,
      },
      look_back: { ...lookBackProperty, order: 8 },
      checkpoint_pages: {
        type: 'integer',
        title: 'Pages per checkpoint',
        description:
          'While a table is read in full, a state follows after so many of its pages (usually 8 KiB each; of tables whose values are stored apart, fewer).',
        minimum: 1,
        default: defaultCheckpointPages,
        order: 9,
      },
      checkpoint_records: {
        type: 'integer',
        title: 'Records per checkpoint',
        description: 'While a table is read by its cursor, a state follows after so many records.',
        minimum: 1,
        default: defaultCheckpointRecords,
        order: 10,
      },
    },
  },
  supportsIncremental: true,
};
