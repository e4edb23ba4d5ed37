import { isObject, type Epoch, type Json } from '../../../protocol/index.ts';
import { isOlderIntent, type Layout } from './layout.ts';
import type { Store } from './store.ts';

/** The metadata of an object that says whose it is. */
export const connectionMark = 'tidemark-connection';

/** Keys that a writer is about to put, and those that it is about to remove since its manifest no longer names them. */
interface Intent {
  readonly placing: readonly string[];
  readonly removing: readonly string[];
}

export interface Intents {
  /** Says durably what may be left behind from now on, beside what was said before. */
  announce(intent: Intent): Promise<void>;
  /** These are named by the manifest, or gone: they need not be said again. */
  settled(keys: readonly string[]): void;
  /** Takes the writer's own away: nothing of it is left. */
  clear(): Promise<void>;
}

/** A writer's own: one object, which only it puts. */
export function createIntents(store: Store, key: string): Intents {
  let said: Intent = { placing: [], removing: [] };
  let isThere = false;
  let last: Promise<unknown> = Promise.resolve();
  return {
    async announce({ placing, removing }) {
      said = {
        placing: [...new Set([...said.placing, ...placing])],
        removing: [...new Set([...said.removing, ...removing])],
      };
      const text = Buffer.from(JSON.stringify(said));
      isThere = true;
      // One after another: the later says more.
      const put = last.then(() => store.put(key, text));
      last = put.catch(() => undefined);
      await put;
    },
    settled(keys) {
      const done = new Set(keys);
      const rest = (list: readonly string[]): string[] => list.filter((key) => !done.has(key));
      said = { placing: rest(said.placing), removing: rest(said.removing) };
    },
    async clear() {
      if (isThere) await store.remove([key]);
      isThere = false;
    },
  };
}

export interface Sweep {
  readonly connectionId: string;
  readonly epoch: Epoch;
  /** Below all of Tidemark's keys. */
  readonly prefix: string;
  /** Keys that any manifest names. */
  readonly named: ReadonlySet<string>;
}

/**
 * Removes what fenced writers of the connection left: the objects that they announced and no manifest names, and their uploads. Nothing that
 * they did not announce is touched, nor an object that another put in that place meanwhile. Called under the new fence.
 */
export async function sweepIntents(store: Store, layout: Layout, sweep: Sweep): Promise<void> {
  const keys = await store.keys(layout.intents(sweep.connectionId), 'below');
  const older = keys.filter((key) => isOlderIntent(key, sweep.epoch));
  if (older.length === 0) return;
  const intents = await Promise.all(older.map(async (key) => intentIn(await store.get(key))));
  const unnamed = (list: (intent: Intent) => readonly string[]): string[] =>
    [...new Set(intents.flatMap(list))].filter((key) => !sweep.named.has(key));
  const placing = unnamed((intent) => intent.placing);
  const pending = placing.length === 0 ? [] : await store.uploads(sweep.prefix);
  for (const upload of pending) if (placing.includes(upload.key)) await upload.abort();
  const own: string[] = [];
  for (const key of placing)
    if ((await store.metadata(key))?.[connectionMark] === sweep.connectionId) own.push(key);
  await store.remove([...own, ...unnamed((intent) => intent.removing), ...older]);
}

function intentIn(found: { readonly bytes: Buffer } | null): Intent {
  const intent = found === null ? null : (JSON.parse(found.bytes.toString()) as Json);
  const list = (name: string): string[] => {
    const keys = isObject(intent) ? intent[name] : [];
    return Array.isArray(keys) ? (keys as Json[]).filter((one) => typeof one === 'string') : [];
  };
  return { placing: list('placing'), removing: list('removing') };
}
