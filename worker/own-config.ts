import { setTimeout as sleep } from 'node:timers/promises';
import {
  compareEpochs,
  isObject,
  SyncError,
  updateKeyCharsMax,
  updateKeysMax,
  type ConfigUpdate,
  type ControlMessage,
  type EndName,
  type JsonObject,
} from '../protocol/index.ts';
import type { ConfigRoad } from '../activities/deps.ts';
import type { KeyRing } from './keys.ts';
import {
  contended,
  keyless,
  keyMissing,
  notStored,
  nowhere,
  placeOf,
  staleNotice,
} from './own-config-refusals.ts';
import { basisOf, changesOf, keysOf, merged } from './overlay.ts';
import type { Redactor } from './redact.ts';
import { mayRotate } from './rotates.ts';
import type { ConfigListener } from './runners/config-listener.ts';
import { secretsIn } from './secrets-in.ts';

export interface OwnConfigOptions {
  readonly end: EndName;
  /** The connector's name in connectors.yaml. */
  readonly connector: string;
  /** As a person applied it, its secrets resolved. */
  readonly applied: JsonObject;
  /** JSON Schema of the config. */
  readonly schema: JsonObject;
  readonly keys: KeyRing;
  readonly redactor: Redactor;
  /** null: there is no connection to keep anything in. */
  readonly road: ConfigRoad | null;
  readonly log: (line: string) => void;
  /** connectors.yaml says whether it changes its config; null: it does not say. */
  readonly rotates: boolean | null;
  /** Updates of this process on their way to Temporal, by connection and end. */
  readonly sending: Map<string, Promise<unknown>>;
}

/** The config of one end, which its connector may change while it runs (decision 0015). */
export interface OwnConfig extends ConfigListener {
  /** What the connector is to be given now: what was applied, and on top what it changed since. */
  readonly current: JsonObject;
  /** What people should know of it; null: nothing. */
  readonly notice: string | null;
}

/** What is encrypted. `basis`: of the applied values at the changed keys; with other values there, a person has changed their mind. */
interface Kept {
  readonly changes: JsonObject;
  readonly basis: string;
}

/** Updates of one run that go to Temporal at once; each is five events of a history. */
const atOnceMax = 10;
/** Those after them go no faster. The connector waits, and what it prints meanwhile goes as one. */
const spacingMs = 1_000;
/** Each try is built on what another run kept meanwhile. */
const triesMax = 5;

/**
 * Reads what is kept of earlier runs. Throws a config_error when this worker cannot decrypt it, and for a connector that is known to change
 * its config where that could not be kept: once it has run, its token is gone.
 */
export async function openOwnConfig(options: OwnConfigOptions): Promise<OwnConfig> {
  const { road, end, applied, schema, rotates, keys, sending } = options;
  const expected = rotates ?? mayRotate(applied, schema);
  if (expected && keys.ids.length === 0) throw keyMissing(options);
  if (expected && road === null) throw notStored(options);
  // An attempt before this one may still be telling what it got.
  if (road !== null) await sending.get(sendingKey(options, road));
  const held = (await road?.held(end)) ?? null;
  const found = road === null ? nothing : changesIn(held, options, road);
  const notice = found.isStale ? staleNotice(held!, options) : null;
  if (notice !== null) options.log(`WARN ${notice}`);
  maskSecrets(found.changes, options);
  return createOwnConfig(options, {
    over: held?.no ?? 0,
    changes: found.changes,
    current: merged(applied, found.changes),
    notice,
  });
}

const nothing = { changes: {}, isStale: false };

/** What of a kept update belongs on top of the applied config. */
function changesIn(
  held: ConfigUpdate | null,
  options: OwnConfigOptions,
  road: ConfigRoad,
): { readonly changes: JsonObject; readonly isStale: boolean } {
  if (held === null || held.sealed === null) return nothing;
  const { keys, applied } = options;
  const kept = JSON.parse(keys.open(held.sealed, boundTo(options, road), placeOf(options))) as Kept;
  // A person put another value there since: it is newer than what the connector made of the old one.
  if (kept.basis !== basisOf(applied, kept.changes)) return { changes: {}, isStale: true };
  return { changes: kept.changes, isStale: false };
}

interface Start {
  /** See RememberRequest. */
  over: number;
  /** What is kept of changes, as far as this run knows. */
  changes: JsonObject;
  current: JsonObject;
  readonly notice: string | null;
}

function createOwnConfig(options: OwnConfigOptions, known: Start): OwnConfig {
  const { road, keys } = options;
  let waiting: JsonObject | null = null;
  let failure: unknown;
  let sent = 0;
  let sentAt = 0;

  /** Invariant 5: nothing of it leaves this process unless it is encrypted. */
  async function send(news: JsonObject, to: ConfigRoad): Promise<void> {
    const { applied, end, connector } = options;
    for (let tries = 0; tries < triesMax; tries += 1) {
      // What the connector set back to what was applied is no change: it stays a reference.
      const changes = changesOf(applied, merged(merged(applied, known.changes), news)) ?? {};
      const kept: Kept = { changes, basis: basisOf(applied, changes) };
      const { keyId, text } = keys.seal(JSON.stringify(kept), boundTo(options, to));
      const paths = keysOf(changes).map((key) => key.slice(0, updateKeyCharsMax));
      const answer = await to.remember({
        ...{ end, connector, over: known.over, keys: paths.slice(0, updateKeysMax) },
        ...{ keyId, sealed: text },
      });
      if (answer.type === 'kept') {
        known.over += 1;
        known.changes = changes;
        return;
      }
      const { by } = answer;
      // Our own, whose answer was lost.
      if (by?.sealed === text) continueFrom(by, changes);
      if (by?.sealed === text) return;
      refuseOlder(by, to, options);
      continueFrom(by, changesIn(by, options, to).changes);
    }
    throw contended(options);
  }

  function continueFrom(by: ConfigUpdate | null, changes: JsonObject): void {
    known.over = by?.no ?? 0;
    known.changes = changes;
  }

  async function pace(): Promise<void> {
    const waitMs = sent < atOnceMax ? 0 : sentAt + spacingMs - Date.now();
    if (waitMs > 0) await sleep(waitMs);
    sent += 1;
    sentAt = Date.now();
  }

  async function keepAll(): Promise<void> {
    try {
      while (waiting !== null) await keepWaiting();
    } catch (error) {
      failure = error;
      options.log(
        'ERROR The config update is not kept. If it was a rotated token, authenticate again.',
      );
      throw error;
    }
  }

  async function keepWaiting(): Promise<void> {
    if (road === null) throw nowhere(options);
    if (keys.ids.length === 0) throw keyless(options);
    await pace();
    // Read only now: what came while it paced goes along.
    const news = waiting!;
    waiting = null;
    await send(news, road);
    options.log(`INFO The config update is kept: ${keysOf(news).join(', ')}.`);
  }

  return {
    get current() {
      return known.current;
    },
    notice: known.notice,
    hear({ control }: ControlMessage) {
      const told = control.connectorConfig?.config;
      const news = isObject(told) ? changesOf(known.current, told) : null;
      if (news === null) return;
      maskSecrets(news, options);
      known.current = merged(known.current, news);
      waiting = waiting === null ? news : merged(waiting, news);
    },
    async kept() {
      if (failure !== undefined) throw failure;
      if (waiting === null) return;
      const all = keepAll();
      if (road !== null) announce(all, sendingKey(options, road), options.sending);
      await all;
    },
  };
}

/** Until it settles, whoever opens the same end in this process waits for it. */
function announce(work: Promise<void>, key: string, sending: OwnConfigOptions['sending']): void {
  const done = (): void => {
    if (sending.get(key) === settled) sending.delete(key);
  };
  // How it ends is told to whoever keeps it.
  const settled: Promise<void> = work.catch(() => undefined).finally(done);
  sending.set(key, settled);
}

/** So that a text copied to another connection, end or connector opens nothing there. */
function boundTo({ end, connector }: OwnConfigOptions, road: ConfigRoad): readonly string[] {
  return [road.connection.id, end, connector];
}

const sendingKey = ({ end }: OwnConfigOptions, { connection }: ConfigRoad): string =>
  `${connection.id} ${end}`;

/** Whatever the spec does not know to be harmless. */
function maskSecrets(changes: JsonObject, { schema, redactor }: OwnConfigOptions): void {
  for (const secret of secretsIn(changes, schema)) redactor.remember(secret);
}

/**
 * Invariant 3: a run that was fenced off does not take the place of what a newer one has kept. That one was given a token that worked after
 * ours was given. Where nothing newer is kept, an old run's token is taken: it may be the only one that still works.
 */
function refuseOlder(by: ConfigUpdate | null, road: ConfigRoad, options: OwnConfigOptions): void {
  const { epoch } = road;
  if (epoch === undefined || by?.epoch === undefined) return;
  if (by.sealed === null || compareEpochs(epoch, by.epoch) >= 0) return;
  throw new SyncError('transient_error', 'A newer attempt has updated this config.', {
    origin: 'tidemark',
    code: 'fenced',
    place: placeOf(options),
  });
}
