import { Option, type Command } from 'commander';
import { answer, exitCodes } from './io.ts';
import { addVerb, type Verbs } from './verb.ts';

export function addSchedule(program: Command, verbs: Verbs): void {
  const schedule = program.command('schedule').description("steer a connection's schedule");
  addVerb(schedule, verbs, {
    usage: 'pause <name>',
    summary: 'start no syncs by schedule until it is resumed',
    options: [new Option('--note <text>', 'why')],
    examples: ['tidemark schedule pause orders --note "database upgrade"'],
    act: async (session, [name = ''], { note }) => {
      const client = await session.client();
      await client.schedules.pause(name, ...(typeof note === 'string' ? [note] : []));
      answer(session, { name, paused: true }, () => [`${name}: schedule paused.`]);
      return exitCodes.done;
    },
  });
  addVerb(schedule, verbs, {
    usage: 'resume <name>',
    summary: 'go on after a pause',
    examples: ['tidemark schedule resume orders'],
    act: async (session, [name = '']) => {
      const client = await session.client();
      await client.schedules.resume(name);
      const next = (await client.schedules.describe(name))?.next[0];
      answer(session, { name, paused: false, next: next ?? null }, () => [
        `${name}: schedule resumed${next === undefined ? '' : `, next sync ${next}`}.`,
      ]);
      return exitCodes.done;
    },
  });
  addVerb(schedule, verbs, {
    usage: 'trigger <name>',
    summary: 'start a sync now, as the schedule would; skipped while one of its syncs runs',
    examples: ['tidemark schedule trigger orders'],
    act: async (session, [name = '']) => {
      await (await session.client()).schedules.trigger(name);
      answer(session, { name, triggered: true }, () => [
        `${name}: triggered. Watch: tidemark status ${name} --watch.`,
      ]);
      return exitCodes.done;
    },
  });
  addVerb(schedule, verbs, {
    usage: 'delete <name>',
    summary: 'remove the schedule; the next apply of a file that has one makes it again',
    examples: ['tidemark schedule delete orders'],
    act: async (session, [name = '']) => {
      await (await session.client()).schedules.delete(name);
      answer(session, { name, deleted: true }, () => [`${name}: schedule deleted.`]);
      return exitCodes.done;
    },
  });
}
