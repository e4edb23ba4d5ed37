import type { ConnectorSpecification } from '../../../protocol/index.ts';
import { lookBackProperty } from '../../kit/tables-source/look-back.ts';
import { serverProperties, type ServerConfig } from '../config.ts';

export interface MysqlSourceConfig extends ServerConfig {
  /** Absent: `database`; without that all but the system's. */
  readonly databases?: readonly string[];
  /** See `lookBackPattern`. */
  readonly look_back?: string;
  readonly checkpoint_records?: number;
}

export const defaultCheckpointRecords = 10_000;

export const mysqlSourceSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'MySQL or MariaDB source',
    type: 'object',
    additionalProperties: false,
    anyOf: [{ required: ['url'] }, { required: ['host', 'username'] }],
    properties: {
      ...serverProperties({ examples: ['shop'] }),
      databases: {
        type: 'array',
        title: 'Databases',
        description:
          "Whose tables and views are offered. Absent: that of `database` or of the URL; without one all but the system's own.",
        items: { type: 'string', minLength: 1 },
        minItems: 1,
        uniqueItems: true,
        examples: [['shop', 'billing']],
        order: 8,
      },
      look_back: { ...lookBackProperty, order: 9 },
      checkpoint_records: {
        type: 'integer',
        title: 'Records per checkpoint',
        description: 'A state follows after so many records; a table is read in such pieces.',
        minimum: 1,
        maximum: 10_000_000,
        default: defaultCheckpointRecords,
        order: 10,
      },
    },
  },
  supportsIncremental: true,
};
