import type { SyncCost } from '../../protocol/index.ts';
import { bytes, duration, plural } from './format.ts';

/** What a sync has made a warehouse do. */
export function costText({ commits, stagedBytes, busyMs }: SyncCost): string {
  return `in the warehouse: ${plural(commits, 'commit')}, ${bytes(stagedBytes)} staged, busy for ${duration(busyMs)}`;
}
