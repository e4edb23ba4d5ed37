import type { ScanItem } from '../../engine/scan/scanner.ts';
import type { ConfigListener } from './config-listener.ts';

/** What a chunk of a connector's output holds, and how its scanner failed at the end; null: it did not. */
export interface Found {
  readonly items: readonly ScanItem[];
  readonly failure: { readonly error: unknown } | null;
}

/**
 * Scans a chunk. Updates of the connector's config go ahead of what stands before them, which may wait long for the destination: the old token
 * is dead already. Nothing of the chunk is passed on, logged or followed by another one before they are kept.
 */
export async function findIn(scanned: Iterable<ScanItem>, updates: ConfigListener): Promise<Found> {
  const found = all(scanned);
  for (const item of found.items)
    if (item.type === 'MESSAGE' && item.message.type === 'CONTROL') updates.hear(item.message);
  await updates.kept();
  return found;
}

function all(scanned: Iterable<ScanItem>): Found {
  const items: ScanItem[] = [];
  try {
    for (const item of scanned) items.push(item);
  } catch (error) {
    return { items, failure: { error } };
  }
  return { items, failure: null };
}
