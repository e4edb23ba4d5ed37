import { isObject, SyncError, type JsonObject } from '../../protocol/index.ts';
import { suggestion } from '../../protocol/nearest.ts';
import type { ConnectorInfo, SyncClient } from '../index.ts';
import type { EndText } from '../init/connection-text.ts';
import { resolved } from '../init/fields.ts';
import type { Given } from '../init/given.ts';
import { chosen, configOf, interview, type Asker } from '../init/interview.ts';
import { mistakesIn } from '../init/values.ts';
import { onUnpolled, type Session } from './io.ts';
import type { Options } from './verb.ts';

type End = 'source' | 'destination';

export interface EndRequest {
  readonly session: Session;
  readonly client: SyncClient;
  readonly end: End;
  readonly given: Given;
  readonly options: Options;
  readonly asker: Asker;
}

/** Which connector, and the answers to its spec, which a worker tells. */
export async function endOf(request: EndRequest): Promise<EndText> {
  const { session, client, end, given, asker } = request;
  const connector = await connectorOf(request);
  const spec = schemaFor(await client.connectorSpec(connector, onUnpolled(session)), end);
  const own = given.get(end) ?? (new Map() as Given);
  const root = resolved(spec, spec);
  const group = { path: end, schema: root, secret: false, root: spec };
  const answers = await interview(group, typeof own === 'string' ? new Map() : own, asker);
  const mistakes = mistakesIn(configOf(answers), spec);
  if (mistakes.length > 0)
    throw new SyncError('config_error', 'The settings do not fit the spec of their connector.', {
      origin: 'tidemark',
      place: `${end} ${connector}: ${mistakes.join('; ')}`,
      remedy: `See what is expected: tidemark connectors spec ${connector}.`,
    });
  return { connector, answers };
}

async function connectorOf({ session, client, end, options, asker }: EndRequest): Promise<string> {
  const all = (await client.connectors(onUnpolled(session))).filter((one) => canBe(one, end));
  const names = all.map(({ name }) => name);
  const typed = options[end];
  if (typeof typed === 'string' && names.includes(typed)) return typed;
  if (typeof typed === 'string' || asker.ask === null)
    throw new SyncError(
      'config_error',
      typeof typed === 'string' ? `The worker has no such ${end}.` : `No ${end} was chosen.`,
      {
        origin: 'tidemark',
        place: `--${end}${typeof typed === 'string' ? ` ${typed}` : ''}`,
        remedy: `${suggestion(String(typed ?? ''), names)} Others are added with: tidemark connectors add.`,
      },
    );
  asker.say(`Choose a ${end}:`);
  const { ask, say } = asker;
  return names[await chosen(names, `${end}: `, { ask, say })]!;
}

function canBe({ kind }: ConnectorInfo, end: End): boolean {
  return kind === end || kind === 'both';
}

/** A native connector that is both ends has two specs. */
function schemaFor(spec: unknown, end: End): JsonObject {
  const own = isObject(spec) && isObject(spec[end]) ? spec[end] : spec;
  const schema = isObject(own) ? own['connectionSpecification'] : undefined;
  return isObject(schema) ? schema : {};
}
