import { configUpdateText, type ConnectionState, type EndName } from '../../protocol/index.ts';

/** What connectors changed in their configs, one line an end; names of keys, never values. */
export function updateLines({ updates = {} }: ConnectionState): readonly string[] {
  return Object.entries(updates).map(([end, update]) => configUpdateText(end as EndName, update));
}
