import {
  scopeOf,
  stateText,
  type Checkpoint,
  type Scope,
  type StateMessage,
} from '../protocol/index.ts';
import { refuseOversized, statesMax } from '../workflows/room.ts';

/** Throws for a state that Temporal has no room for, as it comes from the source: it covers nothing, so it must not become a checkpoint. */
export function refuseLargeState(message: StateMessage): void {
  const scope = scopeOf(message.state);
  refuseOversized(stateText(message), statesMax, {
    message: 'A state of the source is too large.',
    origin: 'source',
    ...(scope === '*' ? { place: 'the state of all streams' } : { stream: scope, place: scope }),
    remedy:
      'What earlier states cover is kept. Have the source keep less in its state: fewer streams in the connection, or a narrower selection in its config.',
  });
}

/** Whether Temporal has room for all checkpoints of a connection. */
export interface StateRoom {
  /** Throws when there is no room for what this checkpoint of `bytes` (of JSON) adds to the others. */
  add(checkpoint: Checkpoint, bytes: number): void;
}

/** `known`: the checkpoints so far, kept up to date by the caller. `bytes`: of JSON, theirs. */
export function createStateRoom(known: ReadonlyMap<Scope, Checkpoint>, bytes: number): StateRoom {
  // Compressing all of them for each one that comes would take minutes with 10,000 streams: what is added since they were last measured
  // counts in full.
  let boundBytes = bytes;
  let textBytes = bytes;
  return {
    add(checkpoint, added) {
      boundBytes += added;
      textBytes += added;
      if (boundBytes <= statesMax.packedBytes && textBytes <= statesMax.textBytes) return;
      const all = new Map(known).set(checkpoint.scope, checkpoint);
      const text = JSON.stringify([...all.values()]);
      boundBytes = refuseOversized(text, statesMax, {
        message: "Temporal has no room for this connection's states.",
        origin: 'tidemark',
        place: `${all.size} states`,
        remedy:
          'What is committed stays committed. Copy fewer streams with this connection, and the others with another.',
      });
      textBytes = Buffer.byteLength(text);
    },
  };
}
