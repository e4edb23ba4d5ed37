import type { Json } from '../../protocol/index.ts';
import type { Needs } from '../connectors-grants.ts';
import type { EndText } from './connection-text.ts';
import type { Answer } from './interview.ts';

const variable = /\$\{env:([^}]+)\}/g;

/** What the answers refer to: variables, and paths on the worker's machine. */
export function needsOf(ends: readonly EndText[]): Needs {
  const leaves = ends.flatMap(({ connector, answers }) =>
    leavesOf(answers).map((leaf) => ({ connector, ...leaf })),
  );
  return {
    secrets: leaves.flatMap(({ connector, value }) =>
      [...JSON.stringify(value).matchAll(variable)].map(([, name]) => ({
        connector,
        variable: name!,
      })),
    ),
    paths: leaves.flatMap(({ isPath, value }) =>
      isPath && typeof value === 'string' && value.search(variable) < 0 ? [value] : [],
    ),
  };
}

function leavesOf(answers: readonly Answer[]): readonly { isPath: boolean; value: Json }[] {
  return answers.flatMap(({ field, value, members }) => {
    if (members !== undefined) return leavesOf(members);
    return value === undefined ? [] : [{ isPath: field.schema['x-path'] === true, value }];
  });
}
