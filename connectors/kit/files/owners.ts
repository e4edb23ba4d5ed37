import type { OpenInput } from '../../../protocol/index.ts';
import { refusedConfig } from './refused.ts';
import type { Manifest } from './manifest.ts';
import { placeOf, type Target } from './targets.ts';

/** What is left of other connections' manifests once the targets belong to this one. */
export interface TakenOver {
  /** The connection's own, with the streams that it took over. */
  readonly mine: Manifest;
  /** Those that lost streams. */
  readonly theirs: readonly { readonly before: Manifest; readonly after: Manifest }[];
}

/** Refuses targets whose place another connection owns, or takes them over where a person said `adopt`. */
export function takeOver(
  mine: Manifest,
  others: readonly Manifest[],
  input: OpenInput,
  targets: readonly Target[],
): TakenOver {
  const wanted = new Map(targets.map((target) => [placeOf(target), target]));
  const streams = { ...mine.streams };
  const theirs: { before: Manifest; after: Manifest }[] = [];
  for (const other of others) {
    const all = Object.entries(other.streams);
    const taken = all.filter(([, entry]) => wanted.has(placeOf(entry)));
    if (taken.length === 0) continue;
    for (const [, entry] of taken) {
      const target = wanted.get(placeOf(entry))!;
      if (!input.adopt) throw ownedByOther(target, other, input);
      // What the other has in staging is not complete, and bears its name.
      streams[target.stream] ??= { ...entry, next: null };
    }
    const names = new Set(taken.map(([id]) => id));
    const rest = Object.fromEntries(all.filter(([id]) => !names.has(id)));
    theirs.push({ before: other, after: { ...other, streams: rest } });
  }
  return { mine: { ...mine, streams }, theirs };
}

function ownedByOther(target: Target, other: Manifest, { connection }: OpenInput): Error {
  return refusedConfig(
    'Another connection owns the files of a stream.',
    `${placeOf(target)}, connection ${other.connection.name}`,
    `Run \`tidemark state adopt ${connection.name}\` to take the files over, or give this connection another path.`,
    target.stream,
  );
}
