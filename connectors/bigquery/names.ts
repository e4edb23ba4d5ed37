import type { TableReference } from './jobs.ts';

/** cloud.google.com/bigquery/docs/reference/standard-sql/lexical#quoted_identifiers: escapes as in texts. */
export const quoteName = (name: string): string =>
  `\`${name.replace(/[\\`]/g, (one) => `\\${one}`)}\``;

/** The same page: #string_and_bytes_literals */
export const literal = (text: string): string => `'${text.replace(/[\\']/g, (one) => `\\${one}`)}'`;

export const tableSql = ({ projectId, datasetId, tableId }: TableReference): string =>
  [projectId, datasetId, tableId].map(quoteName).join('.');

/** What `tableSql` wrote. */
export function tableIn(sql: string): TableReference {
  const [projectId, datasetId, tableId] = [...sql.matchAll(/`((?:\\.|[^\\`])*)`/g)].map(
    ([, name]) => name!.replace(/\\(.)/g, '$1'),
  );
  return { projectId: projectId!, datasetId: datasetId!, tableId: tableId! };
}
