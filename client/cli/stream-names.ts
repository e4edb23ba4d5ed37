import {
  asSyncError,
  everyStream,
  streamDescriptor,
  streamId,
  SyncError,
  type ConnectionState,
  type StreamId,
} from '../../protocol/index.ts';
import { suggestion } from '../../protocol/nearest.ts';
import type { SyncClient } from '../index.ts';
import { onUnpolled, remark, type Session } from './io.ts';

/** The streams that a person names: as `state show` writes them, as `discover` does, or without their namespace where that is clear. */
export async function streamsNamed(
  session: Session,
  client: SyncClient,
  connection: string,
  names: readonly string[],
): Promise<readonly StreamId[]> {
  const known = await streamsOf(session, client, await client.status(connection));
  return [...new Set(names.map((name) => streamNamed(name, known)))];
}

function streamNamed(name: string, known: readonly StreamId[]): StreamId {
  const exact = known.filter((id) => id === name || shownAs(id) === name);
  const found = exact.length > 0 ? exact : known.filter((id) => streamDescriptor(id).name === name);
  if (found.length === 1) return found[0]!;
  const isAmbiguous = found.length > 1;
  throw new SyncError(
    'config_error',
    isAmbiguous ? 'Several streams have this name.' : 'This connection has no such stream.',
    {
      origin: 'tidemark',
      place: name,
      remedy: isAmbiguous ? `Name one of: ${found.join(', ')}.` : suggestion(name, known),
    },
  );
}

function shownAs(id: StreamId): string {
  const { name, namespace } = streamDescriptor(id);
  return namespace ? `${namespace}.${name}` : name;
}

/** Of what the source offers, what is selected. Where the source does not tell: what the connection knows. */
async function streamsOf(
  session: Session,
  client: SyncClient,
  { spec, checkpoints, generations }: ConnectionState,
): Promise<readonly StreamId[]> {
  const selected = spec.streams?.map(streamId);
  const offered = await offeredBy(session, client, spec.name);
  if (offered !== null)
    return selected === undefined ? offered : offered.filter((id) => selected.includes(id));
  const known = [...(selected ?? []), ...Object.keys(checkpoints), ...Object.keys(generations)];
  return [...new Set(known as StreamId[])].filter((id) => id !== everyStream);
}

/** null: it does not answer, or has too many to be told. */
async function offeredBy(
  session: Session,
  client: SyncClient,
  connection: string,
): Promise<readonly StreamId[] | null> {
  try {
    const { catalog, truncated } = await client.discover(connection, onUnpolled(session));
    return truncated ? null : catalog.streams.map(streamId);
  } catch (error) {
    const { message } = asSyncError(error);
    remark(session, `The source did not tell its streams: ${message}`);
    return null;
  }
}
