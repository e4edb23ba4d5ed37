import { kindOf, type State } from '../protocol/index.ts';
import { shorten } from './shorten.ts';

const charsMax = 120;

/** What a state says, for the failure of one that does not become a checkpoint: so it is not lost from sight. */
export function shownState(state: State): string {
  const said = {
    STREAM: state.stream?.stream_state,
    GLOBAL: state.global,
    LEGACY: state.data,
  }[kindOf(state)];
  return `state ${shorten(JSON.stringify(said ?? null), charsMax)}`;
}
