import {
  cdcPrefix,
  isObject,
  sourceNamespace,
  streamId,
  SyncError,
  type JsonObject,
  type Landing,
  type Naming,
  type Stream,
  type StreamSelection,
} from '../protocol/index.ts';
import { nearest } from '../protocol/nearest.ts';

/** Names that are listed when none is near. */
const namesMax = 20;

/** What of the stream is copied, and what only the destination is told. `paths`: of the fields that stay whatever a person chose. */
export function landed(
  stream: Stream,
  { columns, cdc_deletes }: StreamSelection,
  {
    naming,
    frozen,
    paths,
  }: {
    readonly naming: Naming;
    readonly frozen: boolean;
    readonly paths: readonly (readonly string[])[];
  },
): { readonly stream: Stream; readonly landing: Landing } {
  const { prefix } = naming;
  const namespace = naming.namespace?.replaceAll(sourceNamespace, () => stream.namespace ?? '');
  const named: Landing = {
    ...(namespace && { namespace }),
    ...(prefix && { prefix }),
    ...(cdc_deletes === 'soft' && { cdc_deletes }),
  };
  // Chosen columns are no news of the source's.
  if (columns === undefined) return { stream, landing: { ...named, ...(frozen && { frozen }) } };
  const always = paths.flatMap((path) => path.slice(0, 1));
  const chosen = chooseColumns(stream, columns, always);
  return { stream: chosen.stream, landing: { ...named, only: chosen.only } };
}

/** A stream with the fields that a person chose, and the names of all that may have a column. `always`: key and cursor, which stay. */
function chooseColumns(
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
  return new SyncError('config_error', 'The stream has no such column.', {
    origin: 'source',
    stream: id,
    place: `streams: ${id}: columns: ${column}`,
    remedy: remedyFor(column, known),
  });
}

function remedyFor(column: string, known: readonly string[]): string {
  if (known.length === 0) return 'Remove columns: the source names no fields of this stream.';
  const meant = nearest(column, known);
  if (meant !== undefined) return `Did you mean ${meant}?`;
  const more = known.length > namesMax ? `, … (${known.length} in all)` : '';
  return `Choose from: ${known.slice(0, namesMax).join(', ')}${more}.`;
}
