import { quoteLiteral } from '../identifiers.ts';

/** The path of one file for DuckDB's readers: characters that they take for a glob stand in brackets. */
export const readLiteral = (path: string): string =>
  quoteLiteral(path.replace(/[[\]*?{}]/g, '[$&]'));
