// orders-source.mjs spec | check | discover | read: a source that speaks the Airbyte protocol, a message a line on stdout.
import { readFileSync } from 'node:fs';

const spec = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Orders',
    type: 'object',
    required: ['url', 'token'],
    additionalProperties: false,
    properties: {
      url: { type: 'string', title: 'Address', examples: ['http://127.0.0.1:8099'], order: 0 },
      token: { type: 'string', title: 'Token', airbyte_secret: true, order: 1 },
    },
  },
};

const orders = {
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
  source_defined_cursor: true, // what is new is for us to know, not for the user to choose
  default_cursor_field: ['id'],
  source_defined_primary_key: [['id']],
  is_resumable: true,
};

/** Its kind says what is to be done: config_error: a person; transient_error: try again; system_error: mend this program. */
const failure = (kind, message) => Object.assign(new Error(message), { kind });

const print = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const trace = (type, more) =>
  print({ type: 'TRACE', trace: { type, emitted_at: Date.now(), ...more } });

async function ordersAfter(id, { url, token }) {
  const headers = { authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(30_000); // whoever waits without end is taken for dead
  const response = await fetch(new URL(`/orders?after=${id}`, url), { headers, signal }).catch(
    (error) => {
      throw failure('transient_error', `${url} does not answer: ${error.message}.`);
    },
  );
  if (response.status === 401)
    throw failure('config_error', 'The service refuses the token: make a new one.');
  if (!response.ok)
    throw failure('transient_error', `The service answers with status ${response.status}.`);
  return response.json();
}

async function read(config, catalog, states) {
  if (!catalog.streams.some(({ stream }) => stream.name === orders.name)) return;
  const stream_descriptor = { name: orders.name };
  const status = (value) =>
    trace('STREAM_STATUS', { stream_status: { stream_descriptor, status: value } });
  const last = states.find(({ stream }) => stream.stream_descriptor.name === orders.name);
  let after = last?.stream.stream_state?.after ?? 0;
  console.error(`Process ${process.pid} reads orders after ${after}.`); // goes to its log
  status('STARTED');
  for (;;) {
    const page = await ordersAfter(after, config);
    for (const data of page)
      print({ type: 'RECORD', record: { stream: orders.name, data, emitted_at: Date.now() } });
    after = page.at(-1)?.id ?? after;
    // It covers every record before it: once they are stored, the next read begins after them. With the count, none can get lost unseen.
    const stream = { stream_descriptor, stream_state: { after } };
    const sourceStats = { recordCount: page.length };
    print({ type: 'STATE', state: { type: 'STREAM', stream, sourceStats } });
    if (page.length === 0) break;
  }
  status('COMPLETE');
}

const [, , verb, ...options] = process.argv;
/** What `--name <file>` gives; null: it is not given. */
function given(name) {
  const at = options.indexOf(`--${name}`);
  return at < 0 ? null : JSON.parse(readFileSync(options[at + 1], 'utf8'));
}

try {
  if (verb === 'spec') print({ type: 'SPEC', spec });
  else if (verb === 'check') {
    await ordersAfter(0, given('config'));
    print({ type: 'CONNECTION_STATUS', connectionStatus: { status: 'SUCCEEDED' } });
  } else if (verb === 'discover') print({ type: 'CATALOG', catalog: { streams: [orders] } });
  else if (verb === 'read') await read(given('config'), given('catalog'), given('state') ?? []);
  else throw failure('system_error', `No such verb: ${verb}.`);
} catch (error) {
  const { message, kind: failure_type = 'system_error', stack: stack_trace } = error;
  trace('ERROR', { error: { message, failure_type, stack_trace } });
  process.exitCode = 1;
}
