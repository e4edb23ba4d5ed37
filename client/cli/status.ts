import { InvalidArgumentError, Option, type Command } from 'commander';
import { SyncError, type ConnectionState } from '../../protocol/index.ts';
import type { SyncClient } from '../index.ts';
import { clean } from './format.ts';
import { answer, exitCodes, onUnpolled, remark, type Session } from './io.ts';
import { connectionText, listText, type Listed } from './render-status.ts';
import { summaryText, frame } from './render-sync.ts';
import { verboseText } from './render-verbose.ts';
import { addVerb, type Options, type Verbs } from './verb.ts';
import { watchSync } from './watch-sync.ts';

const listedMax = 200;
const askedAtOnceMax = 8;
const logLinesDefault = '200';
const logLinesMax = 10_000;

export function addStatus(program: Command, verbs: Verbs): void {
  addVerb(program, verbs, {
    usage: 'status [name]',
    summary: 'show all connections, or one with its running sync, last syncs and checkpoints',
    options: [
      new Option('--watch', 'follow the running sync until it ends'),
      new Option('--verbose', 'also its limits, its retries and what its commits cost'),
    ],
    examples: [
      'tidemark status',
      'tidemark status orders',
      'tidemark status orders --verbose',
      'tidemark status orders --watch',
    ],
    act: (session, [name], options) =>
      name === undefined ? showAll(session) : showOne(session, name, options),
  });
  addVerb(program, verbs, {
    usage: 'logs <name>',
    summary: "show the connectors' logs of the last sync, newest last",
    options: [
      new Option('-n, --lines <count>', 'how many lines')
        .default(logLinesDefault)
        .argParser((text) => String(linesOf(text))),
    ],
    examples: ['tidemark logs orders', 'tidemark logs orders -n 1000'],
    act: async (session, [name = ''], options) => {
      const client = await session.client();
      const text = await client.logs(name, Number(options['lines']), onUnpolled(session));
      const lines = text.split('\n');
      if (lines.at(-1) === '') lines.pop();
      answer(session, { name, lines }, () => lines.map(clean));
      return exitCodes.done;
    },
  });
}

function linesOf(text: string): number {
  const lines = Number(text);
  if (Number.isInteger(lines) && lines > 0 && lines <= logLinesMax) return lines;
  throw new InvalidArgumentError(`Give a number from 1 to ${logLinesMax}.`);
}

async function showAll(session: Session): Promise<number> {
  const client = await session.client();
  const names: string[] = [];
  for await (const name of client.list()) {
    if (names.length === listedMax) {
      remark(session, `Only the first ${listedMax} connections are shown.`);
      break;
    }
    names.push(name);
  }
  const listed = await statesOf(client, names.toSorted());
  answer(session, listed, () => listText(listed, session.io.now()));
  return exitCodes.done;
}

/** Once no worker answers for one connection, the others are not asked: each question would wait for its time. */
async function statesOf(client: SyncClient, names: readonly string[]): Promise<readonly Listed[]> {
  const listed: Listed[] = [];
  let isSilent = false;
  for (let i = 0; i < names.length; i += askedAtOnceMax) {
    const asked = names.slice(i, i + askedAtOnceMax);
    const states = await Promise.all(
      asked.map(async (name) => (isSilent ? null : client.status(name).catch(unanswered))),
    );
    asked.forEach((name, j) => listed.push({ name, state: states[j] ?? null }));
    isSilent ||= states.every((state) => state === null);
  }
  return listed;
}

/** A worker that is missing, or a connection deleted since it was listed, leaves a gap in the list; other errors end it. */
function unanswered(error: unknown): null {
  if (error instanceof SyncError) return null;
  throw error;
}

async function showOne(session: Session, name: string, options: Options): Promise<number> {
  const client = await session.client();
  if (options['watch'] === true) return follow(session, client, name);
  const state = await client.status(name);
  const schedule = await client.schedules.describe(name);
  const running = state.lease === null ? null : await viewOfRunning(client, state);
  answer(session, { ...state, schedule, running }, () => {
    const now = session.io.now();
    const progress =
      running === null
        ? []
        : running.summary === null
          ? frame(running, {
              now,
              columns: Number.MAX_SAFE_INTEGER,
              streamsMax: listedMax,
              rateOf: () => 0,
            })
          : summaryText(running.summary);
    return [
      ...connectionText(state, schedule, now),
      ...(progress.length === 0 ? [] : ['', ...progress]),
      ...(options['verbose'] === true ? verboseText(state, running, now) : []),
    ];
  });
  return exitCodes.done;
}

async function viewOfRunning(client: SyncClient, { spec }: ConnectionState) {
  const running = await client.runningSync(spec.name);
  return running === null ? null : running.status();
}

async function follow(session: Session, client: SyncClient, name: string): Promise<number> {
  const running = await client.runningSync(name);
  if (running === null) {
    answer(session, { name, running: null }, () => [`${name}: no sync is running.`]);
    return exitCodes.done;
  }
  await watchSync(session, running);
  return exitCodes.done;
}
