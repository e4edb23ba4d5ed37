import { Option, type Command } from 'commander';
import { SyncError, type StreamId } from '../../protocol/index.ts';
import { checkConnectionName } from '../connection-file.ts';
import type { RefreshRequest, SyncClient } from '../index.ts';
import { needsYes } from './apply.ts';
import { answer, exitCodes, onUnpolled, remark, type Session } from './io.ts';
import { streamsText } from './render-status.ts';
import { streamsNamed } from './stream-names.ts';
import { runSync } from './sync.ts';
import { addVerb, type Options, type Verbs } from './verb.ts';

const allOption = new Option('--all', 'every stream');
export const detachOption = new Option('--detach', 'return as soon as the sync is started');

export function addRefresh(program: Command, verbs: Verbs): void {
  addVerb(program, verbs, {
    usage: 'refresh <name> [stream...]',
    summary:
      'read streams again from scratch; the old rows are there until the new ones are complete',
    options: [
      allOption,
      new Option('--keep', 'leave the old rows: the new ones come on top, in dedup they merge'),
      new Option('--no-sync', 'leave it to the next sync'),
      detachOption,
    ],
    examples: [
      'tidemark refresh orders items',
      'tidemark refresh orders --all --no-sync',
      'tidemark refresh orders shop/items --keep',
    ],
    act: refresh,
  });
  addVerb(program, verbs, {
    usage: 'clear <name> [stream...]',
    summary: "empty streams' tables and forget their states; the sync after it reads from scratch",
    options: [allOption, new Option('--yes', 'do not ask'), detachOption],
    examples: ['tidemark clear orders items', 'tidemark clear orders --all --yes'],
    act: clear,
  });
}

async function refresh(
  session: Session,
  [name = '', ...given]: readonly (string | undefined)[],
  options: Options,
): Promise<number> {
  const manner = options['keep'] === true ? 'keep' : 'replace';
  const client = await session.client();
  const streams = await chosen(session, client, { name, given, options });
  await mark(session, client, name, { streams, manner, reason: 'tidemark refresh' });
  if (options['sync'] === false) return exitCodes.done;
  return runSync(session, client, name, options['detach'] === true);
}

async function clear(
  session: Session,
  [name = '', ...given]: readonly (string | undefined)[],
  options: Options,
): Promise<number> {
  const client = await session.client();
  const streams = await chosen(session, client, { name, given, options });
  const what = `delete every row of ${textOf(streams)} of ${name}`;
  if (options['yes'] !== true && session.io.ask === null) return needsYes(session, what);
  if (options['yes'] !== true && !(await confirmed(session, name, what))) return exitCodes.config;
  await mark(session, client, name, { streams, manner: 'clear', reason: 'tidemark clear' });
  return runSync(session, client, name, options['detach'] === true);
}

interface Given {
  readonly name: string;
  readonly given: readonly (string | undefined)[];
  readonly options: Options;
}

/** null: every stream. */
async function chosen(
  session: Session,
  client: SyncClient,
  { name, given, options }: Given,
): Promise<readonly StreamId[] | null> {
  checkConnectionName(name);
  const names = given.filter((one) => one !== undefined);
  const isAll = options['all'] === true;
  if (isAll === names.length > 0)
    throw new SyncError('config_error', 'It is not clear which streams are meant.', {
      origin: 'tidemark',
      place: name,
      remedy: isAll ? 'Name streams, or say --all; not both.' : 'Name streams, or say --all.',
    });
  return isAll ? null : streamsNamed(session, client, name, names);
}

async function confirmed(
  { io, ...session }: Session,
  name: string,
  what: string,
): Promise<boolean> {
  const typed = await io.ask?.(`This will ${what}. Type the name of the connection to do it: `);
  if (typed?.trim() === name) return true;
  remark({ io, ...session }, 'That is not its name. Nothing was done.');
  return false;
}

async function mark(
  session: Session,
  client: SyncClient,
  name: string,
  request: RefreshRequest,
): Promise<void> {
  await client.refresh(name, request, onUnpolled(session));
  const { streams, manner } = request;
  const told = {
    replace: 'read from scratch by the next sync, in the place of the old rows',
    keep: 'read from scratch by the next sync, beside the old rows',
    clear: 'emptied by the next sync',
  };
  answer(session, { type: 'marked', connection: name, streams, manner }, () => [
    `${name}: ${textOf(streams)}: to be ${told[manner]}.`,
  ]);
}

const textOf = (streams: readonly StreamId[] | null): string =>
  streams === null ? 'every stream' : streamsText(streams);
