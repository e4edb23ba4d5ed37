import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { TextRow } from '../connectors/harness.ts';

export const warehouseKinds = ['snowflake', 'bigquery', 'redshift'] as const;
export type WarehouseKind = (typeof warehouseKinds)[number];
export const isWarehouse = (kind: string): kind is WarehouseKind =>
  (warehouseKinds as readonly string[]).includes(kind);

/** A schema of its own in a warehouse, looked into with another client than the product's. */
export interface TestWarehouse<C> {
  /** Names the schema. */
  readonly config: C;
  readonly schema: string;
  /** Every value as Postgres writes it as text; names in lower case. */
  query(this: void, sql: string): Promise<readonly TextRow[]>;
  /** A table of the schema in full, as `query` takes it. */
  table(this: void, name: string): string;
  /** Tidemark's own in the schema, in lower case. */
  ownTables(this: void): Promise<readonly string[]>;
  /** Names of files that wait to be loaded. */
  files(this: void): Promise<readonly string[]>;
  drop(this: void): Promise<void>;
}

export const ownPrefix = '_tidemark_';

/** What of ours stays between syncs. */
const kept = /^_tidemark_(tables|offers|(checkpoints|sessions)_[0-9a-f]{16})$/;

/** What only a sync that runs may have there: tables of its own, and files. */
export async function remainsIn({
  ownTables,
  files,
}: Pick<TestWarehouse<unknown>, 'ownTables' | 'files'>): Promise<readonly string[]> {
  const strange = (await ownTables()).filter((name) => !kept.test(name));
  return [...strange, ...(await files())];
}

/**
 * Names a file, YAML or JSON, that holds a destination's config: the tests then run against that service, and no emulator is started. See
 * docs/connectors.md.
 */
export const serviceVariable = (kind: WarehouseKind): string => `TEST_${kind.toUpperCase()}_CONFIG`;

/** null: an emulator is what the tests run against. */
export function serviceConfig<C>(kind: WarehouseKind): C | null {
  const file = process.env[serviceVariable(kind)] ?? '';
  return file === '' ? null : (parse(readFileSync(file, 'utf8')) as C);
}

/** In the names of tests: what they are seen on. */
export const seenOn = (kind: WarehouseKind, emulator: string): string =>
  `${kind} (${serviceConfig(kind) === null ? emulator : `as ${serviceVariable(kind)} names it`})`;

/** Also where tests of several people share a service: a plain name in all of them. */
export const ownSchema = (): string => `tidemark_${randomBytes(6).toString('hex')}`;
