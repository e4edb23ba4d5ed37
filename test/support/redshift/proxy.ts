import { connect, createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import {
  createFrames,
  errorMessage,
  fieldsOf,
  framed,
  queryMessage,
  statementIn,
  valuesOf,
  withStatement,
  type Message,
} from './messages.ts';
import {
  CopyFailure,
  copyOf,
  isCopy,
  rowsToLoad,
  type Copy,
  type LoadErrorDetail,
} from './load.ts';
import { asPostgres, raising } from './statements.ts';

// A stand-in for Redshift: it speaks to a client as Redshift does, and to Postgres, where the tables are. What it knows of Redshift is from the
// reference; what neither knows (distribution, the sizes of SUPER, its queues) is not tested by it.

/** Where the tables and the files are; asked at each connection. */
export interface Backends {
  postgres(): URL;
  s3(): string;
}

const sslRequest = 80_877_103;
const protocolVersion = 196_608;
/** Redshift reads a backslash in a literal as an escape; of its two levels of isolation this is the one that databases have from the start. */
const options =
  '-c standard_conforming_strings=off -c backslash_quote=on -c escape_string_warning=off -c jit=off -c default_transaction_isolation=repeatable\\ read';

export async function startProxy(backends: Backends): Promise<Server> {
  const server = createServer((client) => accept(client, backends));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Until it is known to which database. */
function accept(client: Socket, backends: Backends): void {
  let rest: Buffer = Buffer.alloc(0);
  client.on('error', () => client.destroy());
  const onData = (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk]);
    if (rest.length < 8 || rest.length < rest.readInt32BE(0)) return;
    const body = rest.subarray(4, rest.readInt32BE(0));
    rest = rest.subarray(rest.readInt32BE(0));
    if (body.readInt32BE(0) === sslRequest) {
      client.write('N');
      return;
    }
    client.off('data', onData);
    if (body.readInt32BE(0) === protocolVersion) serve(client, body.subarray(4), rest, backends);
    else client.destroy();
  };
  client.on('data', onData);
}

function startup(parameters: readonly string[]): Buffer {
  const text = Buffer.from(
    [...parameters, 'options', options].map((one) => `${one}\0`).join('') + '\0',
  );
  const head = Buffer.alloc(8);
  head.writeInt32BE(text.length + 8, 0);
  head.writeInt32BE(protocolVersion, 4);
  return Buffer.concat([head, text]);
}

function serve(client: Socket, given: Buffer, rest: Buffer, backends: Backends): void {
  const parameters = given.toString('utf8').split('\0').slice(0, -2);
  const { hostname, port } = backends.postgres();
  const server = connect(Number(port), hostname);
  const end = (): void => {
    client.destroy();
    server.destroy();
  };
  // Statements are small messages that wait for answers.
  for (const socket of [client, server]) socket.setNoDelay().on('error', end).on('close', end);
  server.write(startup(parameters));
  const database = parameters[parameters.indexOf('database') + 1]!;
  const session = sessionOf({ client, server, database, backends });
  const fromServer = createFrames();
  server.on('data', (chunk: Buffer) => fromServer(chunk).forEach(session.fromServer));
  const fromClient = createFrames();
  let turn = Promise.resolve();
  const take = (chunk: Buffer): void => {
    for (const message of fromClient(chunk))
      turn = turn.then(() => session.fromClient(message)).catch(end);
  };
  take(rest);
  client.on('data', take);
}

interface Ends {
  readonly client: Socket;
  readonly server: Socket;
  readonly database: string;
  readonly backends: Backends;
}

function sessionOf({ client, server, database, backends }: Ends): {
  fromServer(this: void, message: Message): void;
  fromClient(this: void, message: Message): Promise<void>;
} {
  let status = 'I';
  let processId = 0;
  /** Takes the server's answers instead of the client. */
  let listener: ((message: Message) => void) | null = null;
  const pass = (message: Message): void => void client.write(framed(message));
  const fromServer = (message: Message): void => {
    if (message.type === 'Z') status = message.body.toString('latin1');
    if (message.type === 'K') processId = message.body.readInt32BE(0);
    (listener ?? pass)(message.type === 'E' ? asRedshiftError(message) : message);
  };
  /** Its answers, the last of which says that it is ready; `G`: it waits for rows. */
  const ask = (bytes: Buffer, lastTypes: string): Promise<readonly Message[]> =>
    new Promise((resolve) => {
      const answers: Message[] = [];
      listener = (message) => {
        answers.push(message);
        if (!lastTypes.includes(message.type)) return;
        listener = null;
        resolve(answers);
      };
      server.write(bytes);
    });
  const load = async (copy: Copy): Promise<void> => {
    const found = await ask(queryMessage(columnsSql(copy)), 'Z');
    const types = new Map(
      found.filter(({ type }) => type === 'D').map((row) => valuesOf(row) as [string, string]),
    );
    const columns = copy.columns.map((quoted) => {
      const name = quoted.slice(1, -1).replaceAll('""', '"');
      return { name, type: types.get(name) ?? '' };
    });
    if (found.some(({ type }) => type === 'E')) return found.forEach(pass);
    const rows = await rowsToLoad(copy, columns, backends.s3());
    const sql = `COPY ${copy.table} (${copy.columns.join(', ')}) FROM STDIN`;
    const begun = await ask(queryMessage(sql), 'GZ');
    if (begun.at(-1)!.type === 'Z') return begun.forEach(pass);
    const data = framed({ type: 'd', body: Buffer.from(rows) });
    const done = await ask(
      Buffer.concat([data, framed({ type: 'c', body: Buffer.alloc(0) })]),
      'Z',
    );
    return done.forEach(pass);
  };
  const fromClient = async (message: Message): Promise<void> => {
    const sql = statementIn(message);
    if (sql === null) server.write(framed(message));
    else if (!isCopy(sql))
      server.write(framed(withStatement(message, asPostgres(sql, status === 'T'))));
    else {
      const copy = message.type === 'Q' ? copyOf(sql) : null;
      const failure =
        copy === null ? new CopyFailure('no COPY of Redshift') : await load(copy).catch(caught);
      if (failure === undefined) return;
      if (failure.detail !== null)
        await note(backends.postgres(), { database, processId, detail: failure.detail });
      (await ask(queryMessage(raising('XX000', failure.message)), 'Z')).forEach(pass);
    }
  };
  return { fromServer, fromClient };
}

function caught(error: unknown): CopyFailure {
  if (error instanceof CopyFailure) return error;
  throw error;
}

const columnsSql = ({ table }: Copy): string =>
  `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '${table.replaceAll("'", "''")}'::regclass AND attnum > 0 AND NOT attisdropped`;

/** Conflicts are internal errors with a number. (docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation-serializable-isolation-troubleshooting.html) */
function asRedshiftError(message: Message): Message {
  const fields = fieldsOf(message);
  if (fields.get('C') !== '40001') return message;
  return errorMessage(
    new Map([
      ...fields,
      ['C', 'XX000'],
      ['M', '1023'],
      [
        'D',
        'Serializable isolation violation on table - 100167, transactions forming the cycle are: 1, 2 (pid:1)',
      ],
    ]),
  );
}

/** On a connection of its own: the transaction that failed takes nothing back of it. */
async function note(
  postgres: URL,
  { database, processId, detail }: { database: string; processId: number; detail: LoadErrorDetail },
): Promise<void> {
  const url = new URL(postgres);
  url.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  const { file, line, column, type, code, message } = detail;
  await client.query(
    'INSERT INTO sys_load_error_detail VALUES ($1, now(), $2, $3, $4, $5, $6, $7)',
    [processId, file, line, column, type, code, message],
  );
  await client.end();
}
