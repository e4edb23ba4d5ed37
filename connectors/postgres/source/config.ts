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
  readonly cdc?: ChangesConfig;
}

/** Changes are read from the server's log, through a replication slot. */
export interface ChangesConfig {
  /** This connection's own; made when it is read first. */
  readonly slot: string;
  readonly publication?: string;
  /** `true`: a sync goes on until it is stopped. */
  readonly continuous?: boolean;
  readonly on_truncate?: 'fail' | 'ignore';
}

export const defaultPublication = 'tidemark';

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
        order: 8,
      },
      look_back: { ...lookBackProperty, order: 9 },
      checkpoint_pages: {
        type: 'integer',
        title: 'Pages per checkpoint',
        description:
          'While a table is read in full, a state follows after so many of its pages (usually 8 KiB each; of tables whose values are stored apart, fewer).',
        minimum: 1,
        default: defaultCheckpointPages,
        order: 10,
      },
      checkpoint_records: {
        type: 'integer',
        title: 'Records per checkpoint',
        description: 'While a table is read by its cursor, a state follows after so many records.',
        minimum: 1,
        default: defaultCheckpointRecords,
        order: 11,
      },
      cdc: {
        type: 'object',
        title: 'Change data capture',
        description:
          "Inserts, updates and deletes are read from the server's log, through logical replication: nothing needs a cursor, and deleted rows are told.",
        required: ['slot'],
        additionalProperties: false,
        order: 12,
        properties: {
          slot: {
            type: 'string',
            title: 'Replication slot',
            description:
              'Of this connection alone. It is made when it is read first, and keeps the log until it was read: drop it when the connection goes.',
            pattern: '^[a-z0-9_]{1,63}$',
            examples: ['tidemark_orders'],
          },
          publication: {
            type: 'string',
            title: 'Publication',
            description: 'What is replicated. CREATE PUBLICATION tidemark FOR ALL TABLES;',
            minLength: 1,
            default: defaultPublication,
          },
          continuous: {
            type: 'boolean',
            title: 'Continuous',
            description:
              'A sync does not end when it has read what there is, but follows the log until it is stopped.',
            default: false,
          },
          on_truncate: {
            type: 'string',
            title: 'When a table is truncated',
            description:
              '`fail`: the sync fails until the stream is refreshed. `ignore`: the rows stay at the destination.',
            enum: ['fail', 'ignore'],
            default: 'fail',
          },
        },
      },
    },
  },
  supportsIncremental: true,
};
