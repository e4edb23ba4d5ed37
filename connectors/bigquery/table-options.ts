import { SyncError } from '../../protocol/index.ts';
import { extractedAtColumn } from '../kit/columns.ts';
import { caseFold } from '../kit/identifiers.ts';
import type { BigQueryConfig } from './config.ts';
import { quoteName } from './names.ts';
import { isClusterable, type Field } from './types.ts';

// What follows the columns in CREATE TABLE: /bigquery/docs/reference/standard-sql/data-definition-language#partition_expression

/** /bigquery/docs/clustered-tables#limitations */
const clusterColumnsMax = 4;

/** What tables.get gives: cloud.google.com/bigquery/docs/reference/rest/v2/tables */
export interface TableResource {
  readonly schema?: { readonly fields?: readonly Field[] };
  /** Without a field: by the time of arrival. */
  readonly timePartitioning?: { readonly type: string; readonly field?: string };
  readonly rangePartitioning?: {
    readonly field: string;
    readonly range: { readonly start: string; readonly end: string; readonly interval: string };
  };
  readonly clustering?: { readonly fields: readonly string[] };
}

/** Of a new table, as the config wants it. `key`: quoted. */
export function optionsSql(
  { partition_by_day: isPartitioned = false, cluster_by_key: isClustered = true }: BigQueryConfig,
  key: readonly string[],
  types: readonly string[],
): string {
  const columns = key.filter((_, i) => isClusterable(types[i] ?? '')).slice(0, clusterColumnsMax);
  return [
    ...(isPartitioned ? [`PARTITION BY DATE(${quoteName(extractedAtColumn)})`] : []),
    ...(isClustered && columns.length > 0 ? [`CLUSTER BY ${columns.join(', ')}`] : []),
  ].join(' ');
}

/** As a table has it, whoever gave it that. `place`: of that table, for people. `definitions`: of the new one's columns, quoted. */
export function likeSql(
  resource: TableResource,
  place: string,
  definitions: readonly string[],
): string {
  const { timePartitioning, rangePartitioning, clustering } = resource;
  const used = [
    ...[timePartitioning?.field, rangePartitioning?.field].filter((one) => one !== undefined),
    ...(clustering?.fields ?? []),
  ];
  const own = definitions.map(caseFold);
  const lacking = used.filter(
    (name) => !own.some((one) => one.startsWith(`${caseFold(quoteName(name))} `)),
  );
  if (lacking.length > 0) throw cannotFollow(place, lacking);
  const partition = partitionSql(resource);
  return [
    ...(partition === null ? [] : [`PARTITION BY ${partition}`]),
    ...(clustering === undefined
      ? []
      : [`CLUSTER BY ${clustering.fields.map(quoteName).join(', ')}`]),
  ].join(' ');
}

function partitionSql({
  schema,
  timePartitioning,
  rangePartitioning,
}: TableResource): string | null {
  if (rangePartitioning !== undefined) {
    const { start, end, interval } = rangePartitioning.range;
    const array = [start, end, interval].map(BigInt).join(', ');
    return `RANGE_BUCKET(${quoteName(rangePartitioning.field)}, GENERATE_ARRAY(${array}))`;
  }
  if (timePartitioning === undefined) return null;
  const { type, field } = timePartitioning;
  if (field === undefined)
    return type === 'DAY' ? '_PARTITIONDATE' : `TIMESTAMP_TRUNC(_PARTITIONTIME, ${type})`;
  const column = schema?.fields?.find(({ name }) => caseFold(name) === caseFold(field));
  if (column?.type === 'DATE' && type === 'DAY') return quoteName(field);
  return `${column?.type ?? 'TIMESTAMP'}_TRUNC(${quoteName(field)}, ${type})`;
}

function cannotFollow(place: string, lacking: readonly string[]): SyncError {
  return new SyncError(
    'config_error',
    'A table has partitions or clustering by columns that the stream does not have.',
    {
      origin: 'destination',
      place: `${place}: ${lacking.join(', ')}`,
      remedy:
        'Rows of such a table cannot be replaced. Give it partitions by a column of the stream, or drop it: it is made anew.',
    },
  );
}
