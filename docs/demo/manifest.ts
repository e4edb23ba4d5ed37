import type { JsonObject } from '../../protocol/index.ts';

/** As PyPI has it; its command `source-declarative-manifest` reads any HTTP API that a manifest describes. */
export const sourcePackage = 'airbyte-source-hardcoded-records==0.0.48';
export const sourceCommand = 'source-declarative-manifest';

export const streamName = 'birdstrikes';

const textColumns =
  'airport_name aircraft_make_model effect_amount_of_damage flight_date aircraft_airline_operator origin_state ' +
  'phase_of_flight wildlife_size wildlife_species time_of_day cost_other cost_repair cost_total_usd speed_ias_in_knots';

const schema: JsonObject = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  properties: {
    id: { type: 'integer' },
    ...Object.fromEntries(
      textColumns.split(' ').map((name) => [name, { type: ['string', 'null'] }]),
    ),
  },
};

const requestParameter = (name: string): JsonObject => ({
  type: 'RequestOption',
  inject_into: 'request_parameter',
  field_name: name,
});

const bound = (key: string): JsonObject => ({
  type: 'MinMaxDatetime',
  datetime: `{{ config['${key}'] }}`,
  datetime_format: '%Y-%m-%d',
});

/** One month of flights at a time, a state after each. */
const monthByMonth: JsonObject = {
  type: 'DatetimeBasedCursor',
  cursor_field: 'flight_date',
  datetime_format: '%Y-%m-%d',
  cursor_datetime_formats: ['%Y-%m-%d'],
  start_datetime: bound('start_date'),
  end_datetime: bound('end_date'),
  step: 'P1M',
  cursor_granularity: 'P1D',
  start_time_option: requestParameter('since'),
  end_time_option: requestParameter('until'),
};

const pages: JsonObject = {
  type: 'DefaultPaginator',
  page_token_option: requestParameter('cursor'),
  pagination_strategy: {
    type: 'CursorPagination',
    cursor_value: "{{ response.get('next_cursor') }}",
    stop_condition: "{{ not response.get('has_more') }}",
  },
};

const stream: JsonObject = {
  type: 'DeclarativeStream',
  name: streamName,
  primary_key: ['id'],
  schema_loader: { type: 'InlineSchemaLoader', schema },
  retriever: {
    type: 'SimpleRetriever',
    requester: {
      type: 'HttpRequester',
      url_base: "{{ config['base_url'] }}",
      path: '/birdstrikes',
      http_method: 'GET',
      request_parameters: { limit: '100' },
    },
    record_selector: {
      type: 'RecordSelector',
      extractor: { type: 'DpathExtractor', field_path: ['data'] },
    },
    paginator: pages,
  },
  incremental_sync: monthByMonth,
};

/** The source's config: where the API is, and the manifest that says how to read it. */
export function sourceConfig(url: string): JsonObject {
  return {
    base_url: url,
    start_date: '1990-01-01',
    end_date: '2003-12-31',
    __injected_declarative_manifest: {
      version: '6.5.2',
      type: 'DeclarativeSource',
      check: { type: 'CheckStream', stream_names: [streamName] },
      streams: [stream],
      spec: {
        type: 'Spec',
        connection_specification: {
          type: 'object',
          required: ['base_url'],
          properties: {
            base_url: { type: 'string' },
            start_date: { type: 'string' },
            end_date: { type: 'string' },
          },
        },
      },
    },
  };
}
