import type { Catalog, JsonObject, Stream } from '../../../protocol/index.ts';
import type { Relation } from './catalog.ts';
import { changeColumns, cursorColumn } from './changes/columns.ts';

/** Its places on the disk stay what they are while it is read: a reading goes on where it stopped. */
export const hasPlaces = ({ kind, isWhole }: Pick<Relation, 'kind' | 'isWhole'>): boolean =>
  isWhole && (kind === 'r' || kind === 'p');

export function catalogOf(relations: readonly Relation[]): Catalog {
  return { streams: relations.map(streamOf) };
}

/** Streams whose changes are read. */
export function changesCatalogOf(relations: readonly Relation[]): Catalog {
  return {
    streams: relations.map((relation) => {
      // What is generated is not in the log, so an update would lose it.
      const columns = relation.columns.filter(({ isGenerated }) => !isGenerated);
      const stream = streamOf({ ...relation, columns });
      const { properties } = stream.json_schema;
      return {
        ...stream,
        json_schema: {
          type: 'object',
          properties: { ...(properties as JsonObject), ...changeColumns },
        },
        supported_sync_modes: ['incremental'],
        source_defined_cursor: true,
        default_cursor_field: [cursorColumn],
      };
    }),
  };
}

function streamOf(relation: Relation): Stream {
  const { schema, name, columns, key } = relation;
  const hasCursor = columns.some(({ cursor }) => cursor !== null);
  return {
    name,
    namespace: schema,
    json_schema: {
      type: 'object',
      // Not assigned one by one: a column may be called __proto__.
      properties: Object.fromEntries(columns.map((column) => [column.name, column.schema])),
    },
    supported_sync_modes: hasCursor ? ['full_refresh', 'incremental'] : ['full_refresh'],
    source_defined_cursor: false,
    ...(key.length > 0 && { source_defined_primary_key: key.map((column) => [column]) }),
    is_resumable: hasPlaces(relation),
  };
}
