import {
  streamId,
  type ConfiguredStream,
  type Item,
  type ReadInput,
  type Source,
  type State,
} from '../../../protocol/index.ts';
import { refusalsOf } from '../../kit/refuse-config.ts';
import { readStreams, type StreamItems } from '../../kit/read-streams.ts';
import { parseLookBack } from '../../kit/tables-source/look-back.ts';
import { asMysqlError } from '../errors.ts';
import { catalogOf, databasesOf, findTable, findTables } from './catalog.ts';
import { defaultCheckpointRecords, mysqlSourceSpec, type MysqlSourceConfig } from './config.ts';
import { followTable } from './follow.ts';
import { loadTable } from './load.ts';
import { selectionOf } from './selection.ts';
import { openSession, type Session } from './session.ts';

/** Tables and views of MySQL and MariaDB. See docs/connectors.md. */
export const mysqlSource: Source<MysqlSourceConfig> = {
  spec: mysqlSourceSpec,
  check: (config, signal) =>
    withSession(config, signal, async (session) => {
      const found = await findTables(session, config);
      const lacking =
        databasesOf(config)?.filter((name) => !found.some(({ database }) => database === name)) ??
        [];
      if (lacking.length > 0 || found.length === 0) throw nothingIn(lacking, session);
    }),
  discover: (config, signal) =>
    withSession(config, signal, async (session) => catalogOf(await findTables(session, config))),
  read: readTables,
};

async function withSession<T>(
  config: MysqlSourceConfig,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(config, signal);
  try {
    return await work(session);
  } catch (error) {
    throw asMysqlError(error, signal, session.place, 'source');
  } finally {
    await session.close();
  }
}

/** Streams one after the other. Each has a session of its own: one that is left early is not used again. */
function readTables(input: ReadInput<MysqlSourceConfig>): AsyncGenerator<Item, void, undefined> {
  return readStreams(input, () =>
    Promise.resolve((configured, state) => readTable(input, configured, state)),
  );
}

async function* readTable(
  input: ReadInput<MysqlSourceConfig>,
  configured: ConfiguredStream,
  state: State | undefined,
): StreamItems {
  const { config } = input;
  const { stream } = configured;
  const session = await openSession(config, input.abort);
  try {
    const database = stream.namespace ?? databasesOf(config)?.[0] ?? '';
    const table = await findTable(session, database, stream.name);
    if (table === null) throw gone(database, stream.name, streamId(stream));
    const selection = selectionOf(table, configured);
    const checkpointRecords = config.checkpoint_records ?? defaultCheckpointRecords;
    const read = { session, input, stream, checkpointRecords };
    const { cursor } = selection;
    const lookBack = parseLookBack(config.look_back);
    if (cursor === null) yield* loadTable(read, selection, state);
    else yield* followTable(read, { ...selection, cursor }, { state, lookBack });
  } catch (error) {
    throw asMysqlError(error, input.abort, session.place, 'source');
  } finally {
    await session.close();
  }
}

function nothingIn(databases: readonly string[], { place }: Session): Error {
  const of = databases.length === 0 ? 'any database' : databases.join(', ');
  const grants = databases.length === 0 ? ['*'] : databases.map((name) => `\`${name}\``);
  return refusalsOf('source')(
    'The MySQL user may read no table.',
    `${place}: no table in ${of}`,
    `Let it: ${grants.map((name) => `GRANT SELECT, SHOW VIEW ON ${name}.* TO user`).join('; ')}.`,
  );
}

function gone(database: string, name: string, stream: string): Error {
  return refusalsOf('source')(
    'The source has no such table any more.',
    `stream ${stream}: table ${name} in ${database}`,
    `Take the stream out of the connection, or let the user read it: GRANT SELECT ON \`${database}\`.\`${name}\` TO user.`,
    stream,
  );
}
