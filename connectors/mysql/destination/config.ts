import type { ConnectorSpecification } from '../../../protocol/index.ts';
import { invalidUrl, loginOf, serverProperties, type Login, type ServerConfig } from '../config.ts';

export type MysqlConfig = ServerConfig;

/** Of a destination, which needs a database of its own. */
export interface DestinationLogin extends Login {
  readonly database: string;
}

export function destinationLogin(config: MysqlConfig): DestinationLogin {
  const login = loginOf(config, 'destination');
  const { database } = login;
  if (database === null) throw invalidUrl('destination');
  return { ...login, database };
}

export const mysqlSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'MySQL or MariaDB destination',
    type: 'object',
    additionalProperties: false,
    anyOf: [{ required: ['url'] }, { required: ['host', 'database', 'username'] }],
    properties: serverProperties({
      description: "For streams without a namespace, and for Tidemark's own tables. Must exist.",
      examples: ['warehouse'],
    }),
  },
  supported_destination_sync_modes: ['append', 'append_dedup', 'overwrite'],
  supportsIncremental: true,
};
