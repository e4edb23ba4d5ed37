import {
  cdcPrefix,
  isObject,
  streamId,
  SyncError,
  type JsonObject,
  type Stream,
} from '../protocol/index.ts';
import { nearest } from '../protocol/nearest.ts';

/** Names that are listed when none is near. */
const namesMax = 20;

/** A stream with the fields that a person chose, and the names of all that may have a column. `always`: key and cursor, which stay. */
export function chooseColumns(
  stream: Stream,
  columns: readonly string[],
  always: readonly string[],
): { readonly stream: Stream; readonly only: readonly string[] } {
  const { properties: given, required, ...rest } = stream.json_schema;
  const properties: JsonObject = isObject(given) ? given : {};
  for (const column of columns)
    if (!Object.hasOwn(properties, column) && !always.includes(column))
      throw unknownColumn(stream, column, Object.keys(properties));
  const only = [...new Set([...columns, ...always])];
  const stays = (field: string): boolean => only.includes(field) || field.startsWith(cdcPrefix);
  const json_schema: JsonObject = {
    ...rest,
    properties: Object.fromEntries(Object.entries(properties).filter(([field]) => stays(field))),
    ...(Array.isArray(required) && {
      required: required.filter((field) => typeof field === 'string' && stays(field)),
    }),
  };
  return { stream: { ...stream, json_schema }, only };
}

function unknownColumn(stream: Stream, column: string, known: readonly string[]): SyncError {
  const id = streamId(stream);
  const meant = nearest(column, known);
  const more = known.length > namesMax ? `, … (${known.length} in all)` : '';
  return new SyncError('config_error', 'The stream has no such column.', {
    origin: 'source',
    stream: id,
    place: `streams: ${id}: columns: ${column}`,
    remedy:
      meant === undefined
        ? `Choose from: ${known.slice(0, namesMax).join(', ')}${more}.`
        : `Did you mean ${meant}?`,
  });
}
