import {
  isObject,
  type Block,
  type ConfiguredStream,
  type Item,
  type ReadInput,
  type Source,
  type State,
  type Stream,
  type StreamId,
} from '../../../protocol/index.ts';
import {
  readStreams,
  streamState,
  type StreamItems,
} from '../../../connectors/kit/read-streams.ts';
import { refusalsOf } from '../../../connectors/kit/refuse-config.ts';
import { ordersSpec, type OrdersConfig } from './config.ts';
import { ordersAfter, type Order } from './service.ts';

const orders: Stream = {
  name: 'orders',
  json_schema: {
    type: 'object',
    properties: {
      id: { type: 'integer' },
      item: { type: ['null', 'string'] },
      price: { type: ['null', 'number'] },
      ordered_at: { type: 'string', format: 'date-time', airbyte_type: 'timestamp_with_timezone' },
    },
  },
  supported_sync_modes: ['full_refresh', 'incremental'],
  source_defined_cursor: true,
  default_cursor_field: ['id'],
  source_defined_primary_key: [['id']],
  is_resumable: true,
};

const refuse = refusalsOf('source');

/** Orders of a service, by their number. */
export const ordersSource: Source<OrdersConfig> = {
  spec: ordersSpec,
  check: async (config, signal) => void (await ordersAfter(0, config, signal)),
  discover: () => Promise.resolve({ streams: [orders] }),
  read: readOrders,
};

/** The kit tells each stream's status and what fails of it, and ends with END. */
function readOrders(input: ReadInput<OrdersConfig>): AsyncGenerator<Item, void, undefined> {
  return readStreams(input, () =>
    Promise.resolve((configured, state, id) => readPages(input, { configured, state, id })),
  );
}

interface Chosen {
  readonly configured: ConfiguredStream;
  /** The last one; undefined: from scratch. */
  readonly state: State | undefined;
  readonly id: StreamId;
}

async function* readPages(
  { config, drain, abort }: ReadInput<OrdersConfig>,
  { configured, state, id }: Chosen,
): StreamItems {
  if (configured.stream.name !== orders.name) throw gone(id);
  let after = afterOf(state, id);
  for (;;) {
    const page = await ordersAfter(after, config, abort);
    if (page.length > 0) yield blockOf(id, page);
    after = page.at(-1)?.id ?? after;
    yield streamState(orders, { after }, page.length);
    if (page.length === 0) return;
    // Invariant 8: right after a state, so that nothing is read twice.
    if (drain.aborted) return yield { type: 'DRAINED' };
  }
}

function blockOf(stream: StreamId, page: readonly Order[]): Block {
  const lines = page.map((data) => {
    const record = { stream: orders.name, data, emitted_at: Date.now() };
    return `${JSON.stringify({ type: 'RECORD', record })}\n`;
  });
  const bytes = Buffer.from(lines.join(''));
  return { ...{ type: 'BLOCK', encoding: 'jsonl', stream }, records: lines.length, bytes, release };
}

/** Its bytes are lent to nobody else. */
const release = (): void => undefined;

function afterOf(state: State | undefined, stream: StreamId): number {
  const held = state?.stream?.stream_state ?? { after: 0 };
  const after = isObject(held) ? held['after'] : undefined;
  if (typeof after === 'number') return after;
  throw refuse(
    'A state is none of this source.',
    `state of stream ${stream}`,
    'Correct it, or read from scratch: tidemark state reset.',
    stream,
  );
}

function gone(stream: StreamId): Error {
  return refuse(
    'The source has no such stream.',
    `stream ${stream}`,
    'Take it out of the connection.',
    stream,
  );
}
