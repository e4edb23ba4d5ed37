import {
  landsAs,
  replaces,
  streamId,
  type ConfiguredCatalog,
  type ConfiguredStream,
  type StreamId,
} from '../../../protocol/index.ts';
import { airbyteColumns, columnsOf, type ColumnKind } from '../columns.ts';
import { caseFold, hashedName } from '../identifiers.ts';
import { refusedConfig } from './refused.ts';
import type { Manifest, StreamEntry } from './manifest.ts';
import { claimFileNames, safeName } from './names.ts';
import { refuseShadowed } from './partitions.ts';
import type { Template } from './template.ts';

/** Where a stream's records go. */
export interface Target {
  readonly stream: StreamId;
  /** As claimed: see names.ts. Empty: the stream has none. */
  readonly namespace: string;
  readonly name: string;
  /** Its files wait in staging until the stream is complete. */
  readonly hidden: boolean;
  readonly generation: number;
  readonly syncId: number;
  /** The fields that a person chose; null: all. */
  readonly only: ReadonlySet<string> | null;
  /** Of the stream's schema, in its order. */
  readonly fields: ReadonlyMap<string, ColumnKind>;
}

type Streams = Manifest['streams'];

/** Names and modes of a catalog's streams. Streams keep the names that they have. */
export function planTargets(
  catalog: ConfiguredCatalog,
  known: Streams,
  { hasNamespace, keys }: Template,
): Target[] {
  catalog.streams.forEach(refuseDedup);
  catalog.streams.forEach(refuseFrozen);
  const entries = Object.values(known);
  const namespaceOf = (configured: ConfiguredStream): string => landsAs(configured).namespace ?? '';
  const wanted = catalog.streams.map(namespaceOf).filter((namespace) => namespace !== '');
  const namespaces = claimFileNames(
    wanted,
    entries.map(({ namespace }) => namespace),
  );
  const targets = catalog.streams.map((configured) => {
    const id = streamId(configured.stream);
    const namespace = known[id]?.namespace ?? namespaces.get(namespaceOf(configured)) ?? '';
    return target(configured, known[id], namespace);
  });
  const named = withNames(targets, catalog, known);
  if (!hasNamespace) refuseSameNames(named);
  refuseShadowed(named, keys);
  return named;
}

function target(
  configured: ConfiguredStream,
  known: StreamEntry | undefined,
  namespace: string,
): Target {
  const { generation_id: generation } = configured;
  const only = configured.landing?.only;
  return {
    ...{ stream: streamId(configured.stream), namespace, name: known?.name ?? '', generation },
    hidden: replaces(configured) && (known?.current?.generation ?? 0) < generation,
    syncId: configured.sync_id,
    only: only === undefined ? null : new Set(only),
    fields: columnsOf(configured.stream.json_schema),
  };
}

function withNames(
  targets: readonly Target[],
  catalog: ConfiguredCatalog,
  known: Streams,
): Target[] {
  const names = new Map<string, ReadonlyMap<string, string>>();
  for (const { namespace } of targets) {
    if (names.has(namespace)) continue;
    const here = targets.flatMap((one, i) =>
      one.namespace === namespace ? [landsAs(catalog.streams[i]!).name] : [],
    );
    const kept = Object.values(known).filter((one) => one.namespace === namespace);
    names.set(
      namespace,
      claimFileNames(
        here,
        kept.map(({ name }) => name),
      ),
    );
  }
  return targets.map((one, i) => ({
    ...one,
    name:
      known[one.stream]?.name ?? names.get(one.namespace)!.get(landsAs(catalog.streams[i]!).name)!,
  }));
}

/** A field's column: its own name, unless that is Airbyte's. */
export const columnOf = (field: string): string =>
  (airbyteColumns as readonly string[]).includes(field) ? hashedName(field) : field;

/** What a template makes of a target. */
export const nameValues = ({ namespace, name, generation }: Target) => ({
  namespace: namespace === '' ? '' : safeName(namespace),
  stream: safeName(name),
  generation: String(generation),
});

/** What file names are told apart by, on any file system. */
export const placeOf = ({ namespace, name }: Pick<Target, 'namespace' | 'name'>): string =>
  caseFold(namespace === '' ? name : `${namespace}/${name}`);

function refuseDedup(configured: ConfiguredStream): void {
  if (configured.destination_sync_mode !== 'append_dedup') return;
  const id = streamId(configured.stream);
  throw refusedConfig(
    'Files cannot be updated, so append_dedup is not possible.',
    `stream ${id}: destination_sync_mode append_dedup`,
    'Set destination_sync_mode of the stream to append, or to overwrite with sync_mode full_refresh.',
    id,
  );
}

/** A frozen stream takes the columns that are there, and files do not tell them all: JSONL has none, CSV and Parquet each their own. */
function refuseFrozen({ stream, landing }: ConfiguredStream): void {
  if (landing?.frozen !== true) return;
  const id = streamId(stream);
  throw refusedConfig(
    'Files take new fields of a record as they come.',
    `stream ${id}: policy.schema_changes: ignore`,
    'Set schema_changes in the policy of the connection to propagate or pause, or choose the columns of the stream.',
    id,
  );
}

function refuseSameNames(targets: readonly Target[]): void {
  const seen = new Set<string>();
  for (const { name, stream } of targets) {
    if (seen.has(caseFold(name)))
      throw refusedConfig(
        'Two streams of different namespaces have the same name, and the template has no namespace.',
        `stream ${stream}`,
        'Put {namespace} into template.',
        stream,
      );
    seen.add(caseFold(name));
  }
}
