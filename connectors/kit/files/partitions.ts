import { caseFold } from '../identifiers.ts';
import { refusedConfig } from './refused.ts';
import type { Target } from './targets.ts';

/** The key of a directory that is called as Hive calls its partitions: `year=…`. */
const key = /^([\w.-]+)=/;

/** What readers make columns of, from the directories of a template. */
export const partitionKeys = (template: string): readonly string[] =>
  template
    .split('/')
    .slice(0, -1)
    .flatMap((segment) => key.exec(segment)?.[1] ?? []);

/** Readers that know partitions show the directory's value in place of a field of that name, and don't tell. */
export function refuseShadowed(targets: readonly Target[], keys: readonly string[]): void {
  const known = new Map(keys.map((name) => [caseFold(name), name]));
  for (const { stream, fields, only } of targets) {
    for (const field of fields.keys()) {
      const shadow = known.get(caseFold(field));
      if (shadow === undefined || only?.has(field) === false) continue;
      throw refusedConfig(
        'A directory of the template is called as a field of a stream: readers would show its value in place of the field’s.',
        `stream ${stream}, field ${field.slice(0, 100)}, template …${shadow}=…`,
        `Put another word before the = in template, such as loaded_${shadow}=, or choose the columns of the stream.`,
        stream,
      );
    }
  }
}
