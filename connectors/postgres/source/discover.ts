import type { Catalog, Stream } from '../../../protocol/index.ts';
import type { Relation } from './catalog.ts';

/** Its places on the disk stay what they are while it is read: a reading goes on where it stopped. */
export const hasPlaces = ({ kind, isWhole }: Pick<Relation, 'kind' | 'isWhole'>): boolean =>
  isWhole && (kind === 'r' || kind === 'p');

export function catalogOf(relations: readonly Relation[]): Catalog {
  return { streams: relations.map(streamOf) };
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
