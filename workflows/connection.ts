import {
  allHandlersFinished,
  condition,
  continueAsNew,
  patched,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { currentState } from '../protocol/index.ts';
import * as connection from './connection-state.ts';
import { connectionDetails } from './details.ts';
import { edit, editRefusal } from './edit-state.ts';
import { createHolderNews } from './holder-news.ts';
import {
  acceptUpdate,
  attachUpdate,
  beginUpdate,
  commitUpdate,
  configureUpdate,
  editUpdate,
  endUpdate,
  forgetUpdate,
  pauseUpdate,
  refreshUpdate,
  rememberUpdate,
  resumeUpdate,
  statusQuery,
  type ConnectionInput,
} from './messages.ts';
import { pause, pauseRefusal, resume } from './pause-state.ts';
import { refresh, refreshRefusal } from './refresh-state.ts';
import type { Refusal } from './refusal.ts';
import { statusKey } from './search-keys.ts';
import { forget, forgetRefusal, remember, rememberRefusal } from './updates-state.ts';

/** Edits of older histories were counted: replayed as times, they would win over what was committed under them. */
const editionsByTime = 'editions-by-time';

const now = (): string => new Date().toISOString();

/** A refusal thrown by a validator adds nothing to history. */
function check(refusal: Refusal): void {
  if (refusal !== null) throw refusal;
}

/**
 * Owns a connection's spec, checkpoints, fence and lease. Never ends and does no I/O. Handlers are synchronous, so that none is ever half
 * done at a continue-as-new.
 */
export async function connectionWorkflow(input: ConnectionInput): Promise<void> {
  let state = currentState(input.state);
  const show = (): void => setCurrentDetails(connectionDetails(state));
  const showStatus = (value: string): void => upsertSearchAttributes([{ key: statusKey, value }]);

  setHandler(statusQuery, () => state, {
    description:
      'Everything held of this connection: spec, lease, checkpoints by scope, last syncs.',
  });
  setHandler(
    beginUpdate,
    (request) => {
      const before = state.lease;
      const { state: next, answer } = connection.begin(state, request, now());
      state = next;
      if (before === null && answer.type === 'begun') showStatus('syncing');
      show();
      return answer;
    },
    { description: 'A sync asks for the connection. Sent by syncs only.' },
  );
  setHandler(
    endUpdate,
    (request) => {
      const held = state.lease !== null;
      state = connection.end(state, request, now());
      if (held && state.lease === null && state.paused === undefined)
        showStatus(request.summary.outcome);
      show();
    },
    {
      description: 'A sync gives the connection back, with its summary. Sent by syncs only.',
      validator: (request) => check(connection.endRefusal(state, request)),
    },
  );
  setHandler(
    attachUpdate,
    (request) => {
      const { state: next, attached } = connection.attach(state, request);
      state = next;
      show();
      return attached;
    },
    {
      description: 'A write attempt fences off earlier ones and learns where to start.',
      validator: (request) => check(connection.attachRefusal(state, request)),
    },
  );
  setHandler(
    commitUpdate,
    (request) => {
      state = connection.commit(state, request);
      show();
    },
    {
      description: 'The destination made states durable. Sent by write attempts only.',
      validator: (request) => check(connection.commitRefusal(state, request)),
    },
  );
  setHandler(
    editUpdate,
    (request) => {
      const manner = patched(editionsByTime) ? 'by time' : 'counted';
      state = edit(state, request, now(), manner);
      show();
    },
    {
      description:
        'A person sets a state: {"scope": "<scope>" or null for all, "state": {…} or null to start from scratch, "reason": "…"}.',
      validator: (request) => check(editRefusal(state, request)),
    },
  );
  setHandler(
    refreshUpdate,
    (request) => {
      state = refresh(state, request, now());
      show();
    },
    {
      description:
        'A person wants streams read from scratch, or emptied, by the next sync: {"streams": ["<stream>", …] or null for all, "manner": "replace", "keep" or "clear", "reason": "…"}.',
      validator: (request) => check(refreshRefusal(state, request)),
    },
  );
  setHandler(
    acceptUpdate,
    ({ changes }) => {
      state = { ...state, acceptedChanges: changes };
      show();
    },
    {
      description:
        'A person accepts changes of the source for the next sync: {"changes": "<id>"}, as the summary of a sync names them.',
    },
  );
  setHandler(
    pauseUpdate,
    (request) => {
      const before = state.paused;
      state = pause(state, request, now());
      if (before === undefined) showStatus('paused');
      show();
      return state.paused!;
    },
    {
      description:
        'Pauses this connection: no sync begins, and the running one waits at a checkpoint. Nothing to send, or {"note": "…", "by": "…"}.',
      validator: (request) => check(pauseRefusal(request)),
    },
  );
  setHandler(
    resumeUpdate,
    () => {
      const ended = state.paused ?? null;
      state = resume(state);
      if (ended !== null)
        showStatus(state.lease === null ? (state.history.at(-1)?.outcome ?? 'idle') : 'syncing');
      show();
      return ended;
    },
    { description: 'Ends a pause: syncs begin again, and the one that waits goes on.' },
  );
  setHandler(
    configureUpdate,
    (spec) => {
      state = connection.configure(state, spec, now());
      show();
    },
    {
      description: 'Replaces the spec; the next sync uses it.',
      validator: (spec) => check(connection.configureRefusal(state, spec)),
    },
  );
  setHandler(
    rememberUpdate,
    (request) => {
      state = remember(state, request, now());
      show();
    },
    {
      description: 'A connector changed its own config, such as a rotated token. Sent by workers.',
      validator: (request) => check(rememberRefusal(state, request)),
    },
  );
  setHandler(
    forgetUpdate,
    (request) => {
      const { state: next, forgotten } = forget(state, request, now());
      state = next;
      show();
      return forgotten;
    },
    {
      description:
        'A person drops what connectors changed in their configs: {"end": "source"}, {"end": "destination"}, or nothing for both.',
      validator: (request) => check(forgetRefusal(state, request)),
    },
  );
  show();

  const news = createHolderNews(state);
  for (;;) {
    await condition(() => news.isDue(state) || workflowInfo().continueAsNewSuggested);
    if (!news.isDue(state)) break;
    await news.tell(state);
  }
  await condition(allHandlersFinished);
  await continueAsNew<typeof connectionWorkflow>({ state });
}
