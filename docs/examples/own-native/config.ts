import type { ConnectorSpecification } from '../../../protocol/index.ts';

export interface OrdersConfig {
  readonly url: string;
  readonly token: string;
}

export const ordersSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Orders source',
    type: 'object',
    additionalProperties: false,
    required: ['url', 'token'],
    properties: {
      url: {
        type: 'string',
        title: 'Address',
        description: 'Of the service.',
        examples: ['http://127.0.0.1:8099'],
        order: 0,
      },
      token: {
        type: 'string',
        title: 'Token',
        description: 'Must be let read orders.',
        airbyte_secret: true,
        order: 1,
      },
    },
  },
};
