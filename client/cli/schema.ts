import type { Command } from 'commander';
import { schemaText } from '../../protocol/index.ts';
import { clean } from './format.ts';
import { answer, exitCodes, onUnpolled } from './io.ts';
import { addVerb, type Verbs } from './verb.ts';

export function addSchema(program: Command, verbs: Verbs): void {
  const schema = program.command('schema').description('what the source of a connection offers');
  addVerb(schema, verbs, {
    usage: 'accept <name>',
    summary: 'take over, at the next sync, the changes of the source that the last sync found',
    examples: ['tidemark schema accept orders'],
    act: async (session, [name = '']) => {
      const client = await session.client();
      const changes = await client.acceptSchema(name, onUnpolled(session));
      answer(session, { name, accepted: changes }, () => [
        `${name}: accepted for the next sync.`,
        ...schemaText(changes).slice(1).map(clean),
      ]);
      return exitCodes.done;
    },
  });
}
